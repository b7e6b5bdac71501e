import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

import { forbidNativeAddon, loadNativeAddon, nativeAddon } from '#src/platform/native-addon.js'

import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'
import { hasAddon } from './support.js'

// The addon is optional: it is built where it can be, found where it was built, and nothing fails where it is not.

const root = fileURLToPath(new URL('../../..', import.meta.url))
const { header } = process.report.getReport() as { header: object }
const libc = 'glibcVersionRuntime' in header ? 'glibc' : 'musl'
const addonName = `prebuilds/linux-${process.arch}/fsys.${libc}.node`

/** The house with nothing built in it, but for what the loader is made of. */
function copyHouse(path: string): void {
  for (const name of ['native', 'scripts', 'package.json'])
    cpSync(join(root, name), join(path, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(path, 'node_modules'))
  mkdirSync(join(path, 'dist/platform'), { recursive: true })
  for (const name of ['native-addon.js', 'program-interpreter.js'])
    cpSync(join(root, 'dist/platform', name), join(path, 'dist/platform', name))
}

function buildIn(cwd: string, environment: NodeJS.ProcessEnv): { status: number | null; stdout: string } {
  const words = [join(cwd, 'scripts/build-native.js')]
  const env = { PATH: process.env['PATH'], ...environment }
  return spawnSync(process.execPath, words, { cwd, env, encoding: 'utf8' })
}

interface Found {
  readonly reason?: string
  readonly path?: string
}

function loadIn(cwd: string): Found {
  const program = `
    import { nativeAddon } from './dist/platform/native-addon.js'
    const { reason, path } = nativeAddon()
    console.log(JSON.stringify({ reason, path }))`
  const words = ['--input-type=module', '--eval', program]
  const { stdout, stderr } = spawnSync(process.execPath, words, { cwd, encoding: 'utf8' })
  assert.equal(stderr, '')
  return JSON.parse(stdout) as Found
}

test('without a C compiler a build says so in one line and succeeds', (t) => {
  const house = temporaryDirectory(t)
  copyHouse(house)
  const { status, stdout } = buildIn(house, { PATH: '/nonexistent', CC: 'no-such-compiler' })
  assert.equal(status, 0)
  assert.match(stdout.split('\n')[0]!, /^The native addon for .* is not built: .*\. Everything works without it\.$/u)
  assert.equal(existsSync(join(house, 'prebuilds')), false)
  assert.match(loadIn(house).reason!, process.platform === 'linux' ? /^there is none for linux-/u : /Linux/u)
  assert.equal(buildIn(house, { PATH: '/nonexistent', FSYS_TESTS_MUST_RUN: '1' }).status, 1)
})

test('with a C compiler the addon is built, found and loaded, and built anew only if it has to be', (t) => {
  if (!hasAddon) return unavailable(t, 'the native addon could not be built')
  const house = temporaryDirectory(t)
  copyHouse(house)
  const { status, stdout } = buildIn(house, {})
  assert.deepEqual([status, stdout], [0, ''])
  assert.deepEqual(loadIn(house), { path: join(house, addonName) })
  const before = readFileSync(join(house, addonName))
  assert.equal(buildIn(house, { CC: 'no-such-compiler', PATH: '/nonexistent' }).stdout, '')
  assert.ok(readFileSync(join(house, addonName)).equals(before))
  // One that does not compile is not left behind for somebody to load.
  writeFileSync(join(house, 'native/addon.c'), 'this is not C')
  assert.equal(buildIn(house, { FSYS_TESTS_MUST_RUN: '1' }).status, 1)
  assert.equal(existsSync(join(house, addonName)), false)
})

test('a file that is no addon, or another one, is not used, and nothing is thrown', (t) => {
  if (!hasAddon) return unavailable(t, 'the native addon could not be built')
  const house = temporaryDirectory(t)
  copyHouse(house)
  mkdirSync(join(house, addonName, '..'), { recursive: true })
  writeFileSync(join(house, addonName), 'not an addon')
  assert.match(loadIn(house).reason!, /^it does not load: /u)
  const script = readFileSync(join(house, 'dist/platform/native-addon.js'), 'utf8')
  writeFileSync(join(house, 'dist/platform/native-addon.js'), script.replace(/INTERFACE_VERSION = \d+/u, '$&000'))
  cpSync(join(root, addonName), join(house, addonName))
  assert.match(loadIn(house).reason!, /^it does not load: its interface is version \d+, not \d+000$/u)
  assert.throws(() => loadNativeAddon(join(house, 'package.json')))
})

test('the addon loads in threads, and can be switched off in one', async (t) => {
  const found = nativeAddon()
  if (found.addon === undefined) return unavailable(t, found.reason)
  assert.equal(nativeAddon(), found, 'it is loaded once')
  const program = `
    import(${JSON.stringify(import.meta.resolve('#src/platform/native-addon.js'))}).then(({ nativeAddon }) => {
      require('node:worker_threads').parentPort.postMessage(nativeAddon().path)
    })`
  const inThread = (): Promise<unknown> => {
    const worker = new Worker(program, { eval: true })
    return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  }
  assert.deepEqual(await Promise.all([inThread(), inThread()]), [found.path, found.path])
  forbidNativeAddon('FSYS_ENGINE is portable')
  assert.deepEqual(nativeAddon(), { addon: undefined, reason: 'FSYS_ENGINE is portable' })
  assert.equal(await inThread(), found.path)
})
