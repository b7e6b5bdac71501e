import { getHeapStatistics } from 'node:v8'

import { must } from '../sim/model.js'

/** More than any case takes, and much less than a length field of a small file can ask for. */
const TAKEN_BYTES_MAX = 64 * 2 ** 20

let baseline = takenBytes()

/** From here on is counted. */
export function beginCounting(): void {
  baseline = takenBytes()
}

/** Throws if memory was taken because a length asked for it (D9). Asked now and then, because it may be let go of soon. */
export function checkTaken(): void {
  const taken = takenBytes() - baseline
  must(taken <= TAKEN_BYTES_MAX, 'D9', () => `${taken} bytes of memory were taken`)
}

/** Outside of the heap, where buffers are; to ask for it costs a quarter of a microsecond. */
function takenBytes(): number {
  return getHeapStatistics().external_memory
}
