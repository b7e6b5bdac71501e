// What a recorded process runs: `child <directory> <seed> <words>`. What it says goes to the log.
import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

import { work } from './workload.js'

const [directory = '', seed = '1', pauseMs = '0', isHasty = ''] = process.argv.slice(2)
const log = openSync(process.env['FSYS_RECORDER_LOG'] as string, 'w')

const failure = await work(join(directory, 'a.wal'), (note) => writeSync(log, note), {
  seed: Number(seed),
  pauseMs: Number(pauseMs),
  isHasty: isHasty === 'hasty',
})
if (failure !== undefined) throw failure
