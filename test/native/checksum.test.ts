import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

// The checksum code of the native addon without Node around it, on the processors that it is for.

const source = fileURLToPath(new URL('../../../test/native/checksum.c', import.meta.url))
const FLAGS = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror']

/** The words that run it, compiled; or undefined if there is no such compiler. */
function compiled(context: TestContext, compiler: string, ...flags: readonly string[]): string | undefined {
  if (spawnSync(compiler, ['--version']).status !== 0) {
    unavailable(context, `there is no ${compiler}`)
    return undefined
  }
  const program = join(temporaryDirectory(context), 'checksum')
  execFileSync(compiler, [...FLAGS, ...flags, source, '-o', program], { stdio: 'inherit' })
  return program
}

test('D3: the checksums of the native addon are right on x64', (t) => {
  if (process.arch !== 'x64') return unavailable(t, 'this is no x64')
  const program = compiled(t, 'gcc', '-fsanitize=address,undefined', '-fno-sanitize-recover=all')
  if (program === undefined) return
  assert.equal(execFileSync(program, { encoding: 'utf8' }), 'fine: sse4.2 pclmul\n')
})

test('D3: the checksums of the native addon are right on arm64', (t) => {
  const program = compiled(t, 'aarch64-linux-gnu-gcc', '-static')
  if (program === undefined) return
  if (spawnSync('qemu-aarch64', ['--version']).status !== 0) return unavailable(t, 'there is no qemu-aarch64')
  assert.equal(execFileSync('qemu-aarch64', [program], { encoding: 'utf8' }), 'fine: crc32 pmull\n')
})

test('a processor without the instruction is not asked for it', (t) => {
  if (process.arch !== 'x64') return unavailable(t, 'this is no x64')
  const program = compiled(t, 'gcc', '-static')
  if (program === undefined) return
  if (spawnSync('qemu-x86_64', ['--version']).status !== 0) return unavailable(t, 'there is no qemu-x86_64')
  const { stdout } = spawnSync('qemu-x86_64', ['-cpu', 'core2duo', program], { encoding: 'utf8' })
  assert.equal(stdout, 'no instruction\n')
})
