// What a process runs whose batches are recorded: `batch-child <directory> <seed>`. What it says goes to the log: each act,
// as JSON, when it is asked for, and 'done' when it is acknowledged.
import { openSync, writeSync } from 'node:fs'

import { createHandle } from '#src/handle/handle.js'

import { seededRandom } from '../../support/random.js'
import { type Act, perform, type SingleAct } from '../handle-acts/act.js'
import { apply, partsOf, type Tree } from '../handle-acts/tree.js'
import { Luck } from '../handle-cuts/lanes.js'

const [base = '', seed = '1'] = process.argv.slice(2)
const log = openSync(process.env['FSYS_RECORDER_LOG'] as string, 'w')
let version = 1
const luck = new Luck(seededRandom(Number(seed)), () => version++)
const tree: Tree = new Map()
const handle = createHandle({ root: base, method: 'data', mode: 'prod' })

async function work(act: Act): Promise<void> {
  writeSync(log, JSON.stringify(act))
  await perform(handle, act, 'waiting')
  writeSync(log, 'done')
  apply(tree, partsOf(act, tree))
}

function write(path: string, mode: number): SingleAct {
  return { kind: 'write', path, text: luck.text([0, 40, 700, 5000, 20_000]), mode }
}

const paths = ['', 'd/', 'e/'].flatMap((directory) => Array.from({ length: 6 }, (_, at) => `${directory}${at}`))

process.umask(0)
await work({ kind: 'batch', grouped: true, acts: luck.some(paths, 9).map((path) => write(path, luck.mode())) })
for (const grouped of [true, true, false, true, true]) {
  const acts = luck.some(paths, 6 + luck.below(8)).map((path): SingleAct => {
    return luck.random() < 0.15 ? { kind: 'delete', path } : write(path, 0o600)
  })
  const rest = paths.filter((path) => !acts.some((act) => act.path === path))
  const [from, to] = luck.some(rest, 2)
  if (from !== undefined && to !== undefined && tree.has(from)) acts.push({ kind: 'rename', path: from, to })
  await work({ kind: 'batch', grouped, acts })
  // From here on no draft is made with all the permission bits of an old file that others may read.
  process.umask(0o077)
}
handle.close()
