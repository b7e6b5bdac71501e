import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'

/** Waits as exactly as can be: `setTimeout` alone knows whole milliseconds only, and is late. */
export async function pause(ms: number): Promise<void> {
  const until = performance.now() + ms
  if (ms > TIMER_MS) await sleep(ms - TIMER_MS)
  while (performance.now() < until) await nextTurn()
}

const TIMER_MS = 2

/** Asks again and again, without a pause, and resolves as soon as the answer is yes; or once it `isOver`. */
export async function watch(isSo: () => boolean, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const turnEndsAt = performance.now() + WATCHING_TURN_MS
    while (performance.now() < turnEndsAt) if (isSo()) return
    await nextTurn()
  }
}

/** So long can everything else in this process wait. */
const WATCHING_TURN_MS = 5
