import { closeSync, fstatSync, openSync } from 'node:fs'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'

/** As exactly as can be: `setTimeout` alone knows whole milliseconds only, and is late. */
export async function pause(ms: number): Promise<void> {
  const until = performance.now() + ms
  if (ms > TIMER_MS) await sleep(ms - TIMER_MS)
  // oxlint-disable-next-line no-await-in-loop
  while (performance.now() < until) await nextTurn()
}

const TIMER_MS = 2

/** Watches a file closely, and resolves as soon as it is longer than `bytes`, or `isOver` says that it will not be. */
export async function untilLonger(path: string, bytes: number, isOver: () => boolean): Promise<void> {
  const fd = openSync(path, 'r')
  try {
    while (!isOver()) {
      const turnEndsAt = performance.now() + WATCHING_TURN_MS
      while (performance.now() < turnEndsAt) if (fstatSync(fd).size > bytes) return
      // oxlint-disable-next-line no-await-in-loop
      await nextTurn()
    }
  } finally {
    closeSync(fd)
  }
}

/** So long can everything else in this process wait. */
const WATCHING_TURN_MS = 5
