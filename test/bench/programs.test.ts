import { deepEqual, equal, match, ok, rejects, throws } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

import { countSyncs, syncCalls } from '../../bench/count-syncs.js'
import { Programs, runProgram } from '../../bench/programs.js'
import { type Task, parseMeasurement, parseTask, taskArguments } from '../../bench/task.js'
import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

const programs = new Programs(() => {})
const task: Task = {
  work: 'append',
  path: '/somewhere/a=b',
  variant: 'commit,direct',
  recordBytes: 64,
  count: 1000,
  syncEvery: 100,
  seconds: 0.05,
  committers: 4,
}

test('a task is the same behind the command line', () => {
  deepEqual(parseTask(taskArguments(task)), task)
  throws(() => parseTask(['destroy', 'path=x']), TypeError)
  throws(() => parseTask(['append', 'path=x']), TypeError)
})

test('what is no measurement is not taken for one', () => {
  equal(parseMeasurement('noise\n{"operations":3,"seconds":1}\n').operations, 3)
  for (const output of ['', 'done', '{"operations":"many"}', 'null'])
    throws(() => parseMeasurement(output), /no measurement/u)
})

for (const [program, variants] of [
  [
    'node:fsys',
    { append: ['', 'staged', 'pipelined'], commit: ['commit', 'through'], replay: ['scan', 'batches', 'records'] },
  ],
  [
    'node:hand-written',
    { append: ['joined', 'in-place', 'bulk'], commit: ['group', 'staged', 'loop'], replay: ['read'] },
  ],
] as const) {
  test(`${program} appends, commits, replays and opens as its tasks say`, async (context) => {
    const folder = temporaryDirectory(context)
    const run = (work: Task['work'], variant: string, path: string): ReturnType<typeof runProgram> =>
      runProgram(programs.commandFor({ program, variant }, { ...task, work, path: join(folder, path) }), undefined)

    for (const variant of variants.append) equal((await run('append', variant, `append ${variant}`)).operations, 1000)
    for (const variant of variants.commit) {
      const { operations, confirmed = 0, memoryBytes } = await run('commit', variant, `commit ${variant}`)
      ok(operations > 0 && confirmed >= operations && memoryBytes > 2 ** 20)
    }
    await run('prepare', '', 'prepared')
    for (const variant of variants.replay) equal((await run('replay', variant, 'prepared')).operations, 1000)
    equal((await run('open', '', 'prepared')).operations, 1000)
  })
}

test('a program that cannot run says why', async () => {
  const missing = programs.commandFor({ program: 'node:no-such-contestant', variant: '' }, task)
  await rejects(runProgram(missing, undefined), /Cannot find module/u)
})

test('syncs are counted in a trace: calls, writes that are their own sync, and what io_uring is given', () => {
  const trace = `
10 openat(AT_FDCWD, "a", O_RDWR|O_CREAT, 0600) = 5
10 openat(AT_FDCWD, "b", O_RDWR|O_DSYNC <unfinished ...>
11 fdatasync(5 <unfinished ...>
10 <... openat resumed>) = 6
11 <... fdatasync resumed>) = 0
10 pwrite64(5, ""..., 76, 0) = 76
10 pwrite64(6, ""..., 512, 0) = 512
10 pwritev2(5, [{iov_base=""..., iov_len=512}], 1, 0, RWF_DSYNC) = 512
10 pwritev2(5, [{iov_base=""..., iov_len=512}], 1, 0, 0) = 512
10 io_uring_enter(7, 2, 0, 0, NULL, 8) = 2
10 io_uring_enter(7, 0, 1, IORING_ENTER_GETEVENTS, NULL, 8) = 0
10 openat(AT_FDCWD, "c", O_RDONLY) = 6
10 write(6, ""..., 1) = 1
10 +++ exited with 0 +++`
  deepEqual(Object.fromEntries(syncCalls(trace)), {
    fdatasync: 1,
    'pwrite64 with O_DSYNC': 1,
    'pwritev2 with RWF_DSYNC': 1,
    io_uring_enter: 1,
  })
})

test('who says durable and does not sync is found out; who does is not', async (context) => {
  if (spawnSync('strace', ['-V']).status !== 0) return unavailable(context, 'strace is not installed')
  const folder = temporaryDirectory(context)
  const claims = `console.log('{"operations":50,"seconds":1,"confirmed":50}')`
  const opens = `const fs = require('node:fs'); const fd = fs.openSync('${join(folder, 'log')}', 'w')`
  const verdictOf = async (body: string): Promise<string> => {
    const command = [process.execPath, '-e', `${opens}; for (let i = 0; i < 50; i++) { ${body} }; ${claims}`]
    const { verdict, by } = await countSyncs(command, undefined, folder, ({ confirmed = 0 }) => confirmed)
    if (verdict === 'synced') match(by, /50 fdatasync/u)
    return verdict
  }
  equal(await verdictOf(`fs.writeSync(fd, 'record'); fs.fdatasyncSync(fd)`), 'synced')
  equal(await verdictOf(`fs.writeSync(fd, 'record')`), 'NOT SYNCED')
})
