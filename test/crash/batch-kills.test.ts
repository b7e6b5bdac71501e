import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

import { createHandle } from 'fsys'

import { fixturePath } from '../support/children.js'
import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

/** What changes something on the way of a batch, be it the addon that does it or Node. */
const CALLS = 'pwrite64 sync_file_range fdatasync fsync fchmod rename renameat unlink unlinkat'.split(' ')

/** At one call in so many, another one each time: FSYS_KILL_SHARE=1 for all of them. */
const SHARE = Number(process.env['FSYS_KILL_SHARE'] ?? 4)
const FIRST = Math.floor(Math.random() * SHARE)

const BEFORE = ['a', 'b', 'd/a', 'd/b']
const NAMES = [...BEFORE, 'new', 'd/new', 'd/third']

for (const engine of ['', 'portable']) {
  const name = engine === '' ? 'the best engine' : engine
  test(`a batch that is killed at any call leaves each file old or new, and no draft for ever (${name})`, async (context) => {
    try {
      execFileSync('strace', ['--version'], { stdio: 'ignore' })
    } catch {
      return unavailable(context, 'there is no strace')
    }
    const base = temporaryDirectory(context)
    const trace = join(base, 'trace')
    assert.equal(await runChild(context, base, engine, ['-o', trace, '-e', `trace=${CALLS.join(',')}`]), '.')
    check(base, true, 'the whole run')
    const moments = momentsOf(readFileSync(trace, 'utf8'))
    assert.ok(moments.length >= 3 * NAMES.length, `${moments.length} calls`)
    let killed = 0
    const chosen = moments.filter((_, index) => index % SHARE === FIRST)
    context.diagnostic(`at ${chosen.length} of ${moments.length} calls, from ${FIRST} on`)
    for (const { call, nth } of chosen) {
      const inject = ['-o', '/dev/null', '-e', `inject=${call}:signal=SIGKILL:when=${nth}`]
      const said = await runChild(context, base, engine, inject)
      if (said === '') killed += 1
      check(base, said === '.', `${call} ${nth}`)
    }
    assert.ok(killed >= chosen.length / 2, `killed ${killed} times at ${chosen.length} calls`)
  })
}

/** The calls of the one thread of the pool: strace counts by thread, too. */
function momentsOf(trace: string): readonly { readonly call: string; readonly nth: number }[] {
  const found = Array.from(trace.matchAll(/^(?<thread>\d+) +(?<call>\w+)\(/gmu), ({ groups }) => groups ?? {})
  const pool = found.find(({ call }) => call?.startsWith('rename'))?.['thread']
  const counts = new Map<string, number>()
  return found
    .filter(({ thread }) => thread === pool)
    .map(({ call = '' }) => {
      const nth = (counts.get(call) ?? 0) + 1
      counts.set(call, nth)
      return { call, nth }
    })
}

function check(base: string, isDone: boolean, what: string): void {
  const root = join(base, 'root')
  const state = (): (string | undefined)[] =>
    NAMES.map((name) => {
      const content = existsSync(join(root, name)) ? readFileSync(join(root, name), 'utf8') : undefined
      const old = BEFORE.includes(name) ? `old ${name}` : undefined
      if (isDone || content !== old) assert.equal(content, `new ${name}`, what)
      return content
    })
  const before = state()
  assert.equal(statSync(join(root, 'a')).mode & 0o777, 0o600)
  const handle = createHandle({ root, mode: 'prod' })
  for (const name of ['swept', 'd/swept']) {
    handle.writeSync(name, '')
    handle.deleteSync(name)
  }
  handle.close()
  assert.deepEqual(state(), before, what)
  const names = readdirSync(root, { recursive: true }).map(String)
  assert.deepEqual(
    names.filter((name) => name !== 'd' && !NAMES.includes(name)),
    [],
    what,
  )
}

/** Returns what it has said. */
async function runChild(
  context: TestContext,
  base: string,
  engine: string,
  options: readonly string[],
): Promise<string> {
  const root = join(base, 'root')
  rmSync(root, { recursive: true, force: true })
  for (const path of [root, join(root, 'd')]) mkdirSync(path)
  for (const name of BEFORE) writeFileSync(join(root, name), `old ${name}`)
  chmodSync(join(root, 'a'), 0o600)
  const words = ['-f', '-qq', '--seccomp-bpf', ...options, process.execPath, fixturePath('batch-child'), root, 'new']
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1', ...(engine !== '' && { FSYS_ENGINE: engine }) }
  return await new Promise((resolve) => {
    const child = execFile('strace', words, { env }, (_, stdout) => resolve(stdout))
    context.after(() => child.kill('SIGKILL'))
  })
}
