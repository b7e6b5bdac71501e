import { basename } from 'node:path'

import type { Recovery } from 'fsys'

import { formatBytes, formatMs, plural } from './format.js'
import type { Target } from './plan.js'

/** What one SIGKILL has left behind. */
export interface Crash {
  readonly target: Target
  /** How many records it has left that nobody had been told of. */
  readonly unacknowledged: number
  /** What it has left past the last valid record. */
  readonly tailBytes: number
  readonly tailState: string
}

export function describeCrash({ unacknowledged, tailBytes, tailState }: Crash): string {
  const records = `${plural(unacknowledged, 'record')} not yet acknowledged`
  if (tailBytes > 0) {
    const tail = tailState === 'clean-end' ? 'zeros written ahead' : `torn tail (${tailState})`
    return `${records}, ${formatBytes(tailBytes)} of ${tail}`
  }
  return unacknowledged === 0 ? 'nothing more' : `${records}, no torn tail`
}

export function describeRecovery({ records, bytesCut, savedTail, bytesRewritten, durationMs }: Recovery): string {
  const cut = bytesCut === 0 ? 'nothing to cut off' : `${formatBytes(bytesCut)} cut off`
  const saved = savedTail === undefined ? '' : ` and saved as ${basename(savedTail.path)}`
  const rewritten = `${formatBytes(bytesRewritten)} written again`
  return `${formatMs(durationMs)} for ${plural(records, 'record')}: ${cut}${saved}, ${rewritten}`
}
