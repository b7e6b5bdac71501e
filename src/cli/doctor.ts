import { sharedKernelPool } from '../checksum/kernel-pool.js'
import { type Engine, chooseEngine } from '../platform/engine.js'
import { chooseMethod } from '../platform/plan.js'
import { probe } from '../platform/probe.js'
import { nodeStorage } from '../storage/node-storage.js'
import { advise } from './advice.js'
import { type Command, defineCommand } from './command.js'
import { type Diagnosed, type EngineInUse, describeDiagnosis } from './doctor-words.js'
import { Interruption } from './signals.js'
import { STATUS } from './status.js'
import { measureSync, NOT_MEASURED, SYNCED_BYTES } from './sync-latency.js'
import { wholeNumber } from './usage.js'

const help = `Usage: fsys doctor [options] [path]

Tells what is known of the place that a path leads to (the working directory, if there is none): the drive, the file system,
what can be had there, with which engine and method journals and files would be written, and why. Then it measures how long
a sync takes, and says what is worth knowing. A path that does not exist counts as the nearest directory above it.

It writes and syncs a file of 64 KiB for two seconds, which has no name, or, where the file system needs one, loses it as
soon as it is open: nothing is left, however this ends. Nothing else is changed.

Options:
  --seconds <n>  how long to measure, 0 to 3600; 0: do not. Default 2
  --json         one JSON object
  -h, --help     print this

Exit status:
  0   done, and nothing was found that endangers what is kept there
  1   done, and there is such a problem, or nothing can be written there
  64  wrong usage
  130 interrupted, after it has told what it had found (129 and 143 for other signals)
`

export const doctor: Command = defineCommand({
  help,
  statusOtherwise: STATUS.failed,
  pathOtherwise: '.',
  options: { seconds: { type: 'string' }, json: { type: 'boolean' } },
  async run(path, { seconds = '2', json }, { output }) {
    const secondsMax = wholeNumber('--seconds', seconds, 0, 3600)
    const interruption = new Interruption('impatient')
    try {
      const diagnosis = await examine(path, secondsMax, interruption.signal)
      output.writeText(
        json === true ? `${JSON.stringify(jsonOf(path, diagnosis))}\n` : describeDiagnosis(path, diagnosis),
      )
      if (interruption.status !== 0) return interruption.status
      return diagnosis.advice.some(({ isProblem }) => isProblem) ? STATUS.failed : STATUS.done
    } finally {
      interruption.stop()
    }
  },
})

async function examine(path: string, seconds: number, signal: AbortSignal): Promise<Diagnosed> {
  const facts = await probe(path)
  const { isWritable } = facts.fileSystem
  const isDirectorySynced = isWritable === true ? await syncsDirectory(facts.directory) : 'unknown'
  // What cannot be written is told by the facts, and what does not answer would not come back from here.
  const isMeasured = isWritable === true && seconds > 0
  const latency = isMeasured ? await measureSync(facts.directory, seconds, signal) : NOT_MEASURED
  const { engines, failure } = enginesHere()
  const advice = advise({ facts, latency, engineFailure: failure, isDirectorySynced })
  const method = chooseMethod(facts, 'auto')
  return { facts, method, engines, checksum: checksumHere(), isDirectorySynced, latency, advice }
}

async function syncsDirectory(directory: string): Promise<boolean | 'unknown'> {
  try {
    return await nodeStorage.syncDirectory(directory)
  } catch {
    return 'unknown'
  }
}

function enginesHere(): { engines: Diagnosed['engines']; failure: string | undefined } {
  try {
    return { engines: { cached: engineFor('pool'), direct: engineFor('uring') }, failure: undefined }
  } catch (error) {
    return { engines: undefined, failure: (error as Error).message }
  }
}

/** Without the addon itself, which chooseEngine hands out with it. */
function engineFor(prefers: Engine): EngineInUse {
  const { engine, reason } = chooseEngine(prefers)
  return reason === undefined ? { engine } : { engine, reason }
}

function checksumHere(): Diagnosed['checksum'] {
  const kernel = sharedKernelPool.acquire(SYNCED_BYTES)
  const { engine, reason } = kernel
  sharedKernelPool.release(kernel)
  return { engine, reason }
}

function jsonOf(path: string, { latency, ...found }: Diagnosed): object {
  const { us, failure } = latency
  const of = (part: number): number => us.quantile(part)
  const quantiles = { min: us.min, p50: of(0.5), p90: of(0.9), p99: of(0.99), p999: of(0.999), max: us.max }
  const histogram = us.histogram().map(({ from, to, count }) => ({ from, to, syncs: count }))
  const measured = us.count === 0 ? {} : { us: quantiles, histogram }
  return { path, ...found, sync: { bytes: SYNCED_BYTES, count: us.count, ...measured, failure } }
}
