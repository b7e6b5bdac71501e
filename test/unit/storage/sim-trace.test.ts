import assert from 'node:assert/strict'
import { test } from 'node:test'

import { anyFault, faultOnNth } from '#src/storage/sim/faults.js'
import { RecordedChoices } from '#src/storage/sim/recorded-choices.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'

import { fill } from './sim-support.js'

/** The trace without its times, from the line with this number on. */
function lines(disk: SimDisk, start = 0): string[] {
  return disk.trace.slice(start).map((line) => line.replace(/^ *[\d.]+ ms {2}/, ''))
}

test('a trace tells of crashes where they came, and what a power cut has taken', () => {
  const disk = new SimDisk({ choices: new RecordedChoices([]), traceLines: 100 })
  const storage = disk.process()
  const file = storage.openSync('/a', 'create')
  file.writeSync(fill('a'.repeat(16)), 0)
  file.dataSyncSync()
  storage.syncDirectorySync('/')
  const start = disk.trace.length
  file.writeSync(fill('bbb'), 1024)
  file.writeSync(fill('c'), 8192)
  storage.openSync('/b', 'create')
  storage.renameSync('/a', '/c')
  disk.faults = faultOnNth('stat', 1, { crash: 'power-cut', when: 'before', leaves: 'none' })
  assert.throws(() => storage.statSync('/b'), { name: 'PowerLossError' })
  disk.note('so much for that')
  disk.endProcess(disk.process())
  disk.killProcess(disk.process())
  assert.deepEqual(lines(disk, start + 4), [
    '#8 101 statSync /b meets a power-cut before it takes effect',
    'power cut',
    '  lost: the name /b',
    '  lost: the name /c',
    '  back again: the name /a',
    'so much for that',
    'process 102 ends',
    'process 103 is killed',
  ])
  const again = disk.process().openSync('/a', 'write')
  again.writeSync(fill('bbb'), 1024)
  again.writeSync(fill('c'), 8192)
  disk.cutPower('none')
  assert.deepEqual(lines(disk).slice(-3), [
    'power cut',
    '  lost: the size 8704 of /a, which has 8192',
    '  lost: bytes 1024 to 2559 of /a',
  ])
})

test('a trace tells of faults that the result does not tell, and of long operations in one line if they are alone', () => {
  const disk = new SimDisk({ choices: new RecordedChoices([]), traceLines: 100 })
  const file = disk.process().openSync('/a', 'create')
  disk.faults = anyFault(
    faultOnNth('write', 1, { short: 100 }),
    faultOnNth('dataSync', 1, 'lie'),
    faultOnNth('dataSync', 2, { delayMs: 20 }),
  )
  file.writeSync(fill('a'), 0)
  file.dataSyncSync()
  file.dataSyncSync()
  assert.deepEqual(lines(disk, 1), [
    '#1 101 writeSync /a at 0 of 512 done (made short): 100',
    '#2 101 dataSyncSync /a done (a lie)',
    '#3 101 dataSyncSync /a begins, and takes 20 ms',
    '#3 101 dataSyncSync /a done',
  ])
})

test('what a power cut does with the rest can be said: none of it survives, or all', () => {
  for (const [leaves, expected] of [
    ['none', []],
    ['all', ['/a']],
  ] as const) {
    for (let seed = 1; seed <= 20; seed += 1) {
      const disk = new SimDisk({ seed })
      disk.process().openSync('/a', 'create').writeSync(fill('a'), 0)
      disk.cutPower(leaves)
      assert.deepEqual(disk.files(), expected)
    }
  }
})
