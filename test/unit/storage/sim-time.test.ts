import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SimDisk } from '#src/storage/sim/sim-disk.js'

import { fill } from './sim-support.js'

test('time passes a little with each operation, and never runs backwards', async () => {
  const disk = new SimDisk()
  const storage = disk.process()
  const file = storage.openSync('/a', 'create')
  let before = storage.clock.now()
  for (let round = 0; round < 200; round += 1) {
    if (round % 2 === 0) file.writeSync(fill('a'), 0)
    else await file.stat()
    assert.ok(storage.clock.now() > before)
    before = storage.clock.now()
  }
})

test('timers go off when their time has come and something else goes on, or when time is let pass', async () => {
  const disk = new SimDisk()
  const { clock } = disk.process()
  const order: number[] = []
  for (const delay of [30, 10, 20]) clock.startTimer(delay, () => order.push(delay))
  const cancel = clock.startTimer(15, () => order.push(15))
  cancel()
  await disk.settle()
  assert.deepEqual(order, [], 'nobody waits for timers')
  await disk.advance(25)
  assert.deepEqual(order, [10, 20])
  await disk.advance(25)
  assert.deepEqual(order, [10, 20, 30])
})

test('a timer that is due goes off among the operations', async () => {
  const disk = new SimDisk()
  const storage = disk.process()
  const file = storage.openSync('/a', 'create')
  const wentOffAt: number[] = []
  storage.clock.startTimer(1, () => wentOffAt.push(storage.clock.now()))
  for (let round = 0; round < 1000; round += 1) await Promise.all([file.stat(), file.stat()])
  assert.equal(wentOffAt.length, 1)
  assert.ok((wentOffAt[0] ?? 0) >= 1)
})

test('a timer that starts a timer is followed as far as time passes', async () => {
  const disk = new SimDisk()
  const { clock } = disk.process()
  let count = 0
  const again = (): void => {
    count += 1
    clock.startTimer(10, again)
  }
  clock.startTimer(10, again)
  await disk.advance(100)
  assert.equal(count, 10)
})

test('soon comes before the next operation, and after every microtask', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const disk = new SimDisk({ seed })
    const storage = disk.process()
    const order: string[] = []
    const first = storage.stat('/').then(() => {
      storage.clock.soon(() => order.push('soon'))
      return Promise.resolve()
        .then(() => undefined)
        .then(() => order.push('microtask'))
    })
    const others = [1, 2, 3].map(() => storage.stat('/').then(() => order.push('operation')))
    await Promise.all([first, ...others])
    await disk.settle()
    const at = order.indexOf('soon')
    assert.equal(order[at - 1], 'microtask', order.join(' '))
  }
})

test('waiting operations can take effect during a blocking one, but are not answered before it returns', () => {
  let passed = 0
  for (let seed = 1; seed <= 100; seed += 1) {
    const disk = new SimDisk({ seed })
    const file = disk.process().openSync('/a', 'create')
    let isAnswered = false
    void file.write(fill('a'), 0).then(() => (isAnswered = true))
    if (file.statSync().size === 512) passed += 1
    assert.equal(isAnswered, false)
  }
  assert.ok(passed > 10 && passed < 90, `${passed}`)
})

test('an operation can be over without its answer having come: answers come in any order', async () => {
  const orders = new Set<string>()
  for (let seed = 1; seed <= 200; seed += 1) {
    const disk = new SimDisk({ seed, traceLines: 100 })
    const file = disk.process().openSync('/a', 'create')
    const answers: number[] = []
    await Promise.all([0, 1].map((index) => file.write(fill('a'), index * 512).then(() => answers.push(index))))
    const effects = disk.trace.filter((line) => / write .* done/.test(line)).map((line) => (/at 0 /.test(line) ? 0 : 1))
    orders.add(`${effects.join('')} ${answers.join('')}`)
  }
  assert.deepEqual([...orders].toSorted(), ['01 01', '01 10', '10 01', '10 10'])
})

test('a trace is off by default, bounded when on, and readable', () => {
  assert.deepEqual(new SimDisk().trace, [])
  const disk = new SimDisk({ traceLines: 3 })
  const storage = disk.process()
  const file = storage.openSync('/a', 'create')
  file.writeSync(fill('a'), 512)
  assert.throws(() => storage.openSync('/a', 'create'))
  file.dataSyncSync()
  assert.equal(disk.trace.length, 3)
  const [written, failed, done] = disk.trace.map((line) => line.replace(/^ *[\d.]+ ms {2}/, ''))
  assert.equal(written, '#1 101 writeSync /a at 512 of 512 done: 512')
  assert.equal(failed, "#2 101 openSync /a failed: EEXIST: file already exists, open '/a'")
  assert.equal(done, '#3 101 dataSyncSync /a done')
})
