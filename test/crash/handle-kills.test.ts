import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'

import { createHandle } from 'fsys'

import { BEFORE, CHILD_ACTS, MARKER, OLD } from '../fixtures/handle-acts.js'
import { fixturePath } from '../support/children.js'
import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

/** All that a handle asks of the system; and `access`, for the marker. */
const CALLS = (
  'access openat openat2 close newfstatat statx fstat readlink getdents64 fcntl ioctl pread64 pwrite64 write fsync fdatasync ' +
  'rename unlink fchmod fchown utimensat futimesat copy_file_range ftruncate'
).split(' ')

/** In the pool's thread, the others are made by Node itself too, and not always as often. */
const CHANGING_CALLS = new Set(['pwrite64', 'fsync', 'fdatasync', 'rename', 'unlink', 'fchmod', 'copy_file_range'])

/** At one call in so many, another one each time: FSYS_KILL_SHARE=1 for all of them. */
const SHARE = Number(process.env['FSYS_KILL_SHARE'] ?? 5)
const FIRST = Math.floor(Math.random() * SHARE)

suite('killed at every system call, what is replaced is old or new, and no draft stays for ever', () => {
  for (const way of ['blocking', 'waiting'] as const) {
    test(way, { timeout: 300_000 }, async (context) => {
      try {
        execFileSync('strace', ['--version'], { stdio: 'ignore' })
      } catch {
        return unavailable(context, 'there is no strace')
      }
      const base = temporaryDirectory(context)
      const all = await listCalls(context, join(base, 'traced'), way)
      assert.ok(all.length >= CHILD_ACTS.length, `${all.length} calls`)
      const moments = all.filter((_, index) => index % SHARE === FIRST)
      const tries = moments.length
      let killed = 0
      const lane = async (number: number): Promise<void> => {
        for (let moment = moments.pop(); moment !== undefined; moment = moments.pop()) {
          const directory = join(base, `lane-${number}`)
          if (await killAt(context, directory, way, moment)) killed += 1
          rmSync(directory, { recursive: true })
        }
      }
      await Promise.all([lane(1), lane(2)])
      context.diagnostic(`killed ${killed} times, at ${all.length} calls: one in ${SHARE}, from ${FIRST} on`)
      assert.ok(killed > tries / 2, `killed ${killed} times only`)
    })
  }
})

/** The `nth` call of this name that one thread makes. */
interface Moment {
  readonly name: string
  readonly nth: number
}

/** The calls that the child makes from its marker on. */
async function listCalls(context: TestContext, directory: string, way: string): Promise<Moment[]> {
  const trace = `${directory}.trace`
  const { progress } = await runChild(context, directory, way, ['-o', trace, '-e', `trace=${CALLS.join(',')}`])
  assert.equal(progress, CHILD_ACTS.length)
  const counts = new Map<string, number>()
  const moments: Moment[] = []
  let hasBegun = false
  for (const line of readFileSync(trace, 'utf8').split('\n')) {
    const { thread, name } = /^(?<thread>\d+) +(?<name>\w+)\(/u.exec(line)?.groups ?? {}
    if (thread === undefined || name === undefined) continue
    const nth = (counts.get(`${thread} ${name}`) ?? 0) + 1
    counts.set(`${thread} ${name}`, nth)
    if (line.includes(MARKER)) hasBegun = true
    else if (hasBegun && (way === 'blocking' || CHANGING_CALLS.has(name))) moments.push({ name, nth })
  }
  return moments
}

/** Returns whether it was killed; it may have been done before. */
async function killAt(context: TestContext, directory: string, way: string, { name, nth }: Moment): Promise<boolean> {
  const inject = `inject=${name}:signal=SIGKILL:when=${nth}`
  const { progress, isKilled } = await runChild(context, directory, way, ['-o', '/dev/null', '-e', inject])
  const what = `${name} ${nth}, after ${progress} acts`
  check(directory, progress, what)
  const handle = createHandle({ root: directory, mode: 'prod' })
  for (const place of ['swept', 'd/swept']) {
    handle.writeSync(place, '')
    handle.deleteSync(place)
  }
  handle.close()
  const names = readdirSync(directory, { recursive: true }).map(String)
  assert.deepEqual(
    names.filter((found) => found !== 'd' && !(found in BEFORE)),
    [],
    what,
  )
  check(directory, progress, what)
  return isKilled
}

/** All that was acknowledged is there, and of what came next all or nothing. */
function check(directory: string, progress: number, what: string): void {
  const acknowledged = Object.assign({}, BEFORE, ...CHILD_ACTS.slice(0, progress).map(({ after }) => after))
  const next = { ...acknowledged, ...CHILD_ACTS[progress]?.after }
  const found = Object.fromEntries(Object.keys(BEFORE).map((name) => [name, contentOf(join(directory, name))]))
  const lengths = (state: Record<string, string | undefined>): string =>
    JSON.stringify(Object.entries(state).map(([name, content]) => [name, content?.length]))
  const isFine = [acknowledged, next].some((state) => Object.keys(BEFORE).every((name) => state[name] === found[name]))
  assert.ok(isFine, `${what}: ${lengths(found)} is neither ${lengths(acknowledged)} nor ${lengths(next)}`)
  assert.equal(statSync(join(directory, 'a')).mode & 0o777, 0o600)
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

async function runChild(
  context: TestContext,
  directory: string,
  way: string,
  options: readonly string[],
): Promise<{ progress: number; isKilled: boolean }> {
  for (const path of [directory, join(directory, 'd')]) mkdirSync(path)
  for (const name of ['a', 'b']) writeFileSync(join(directory, name), OLD)
  chmodSync(join(directory, 'a'), 0o600)
  const words = [
    '-f',
    '-qq',
    '--seccomp-bpf',
    ...options,
    process.execPath,
    fixturePath('handle-child'),
    directory,
    way,
  ]
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' }
  return await new Promise((resolve) => {
    const child = execFile('strace', words, { env }, (error, stdout, stderr) => {
      if (error !== null && child.signalCode !== 'SIGKILL') context.diagnostic(`${error.message} ${stderr}`)
      resolve({ progress: stdout.length, isKilled: child.signalCode === 'SIGKILL' })
    })
    context.after(() => child.kill('SIGKILL'))
  })
}
