// What a recorded process runs: `child <directory> <seed> <cached|direct> [<pause in ms> <small groups>
// [hasty]]`. What it says goes to the log.
import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

import { work } from './workload.js'

const [directory = '', seed = '1', mode = '', pauseMs = '0', smallGroups = '0', isHasty = ''] = process.argv.slice(2)
const log = openSync(process.env['FSYS_RECORDER_LOG'] as string, 'w')

const failure = await work(join(directory, 'a.wal'), (note) => writeSync(log, note), {
  seed: Number(seed),
  direct: mode === 'direct',
  pauseMs: Number(pauseMs),
  smallGroups: Number(smallGroups),
  isHasty: isHasty === 'hasty',
})
if (failure !== undefined) throw failure
