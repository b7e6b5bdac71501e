/** The promise, unless the signal comes first: then it rejects with the signal's reason. What was begun goes on. */
export function abortable<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    // An aborted wait must not turn a later failure of what it waited for into an unhandled rejection.
    const onAbort = (): void => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    const stop = listen(signal, onAbort)
    promise.then(resolve, reject).finally(stop)
  })
}

/** Who waits for a signal. One listener serves them all: of more than ten, Node warns as of a leak. */
const waiting = new WeakMap<AbortSignal, { readonly callbacks: Set<() => void>; readonly tellAll: () => void }>()

/** Returns what ends it. */
function listen(signal: AbortSignal, callback: () => void): () => void {
  let found = waiting.get(signal)
  if (found === undefined) {
    const callbacks = new Set<() => void>()
    found = { callbacks, tellAll: () => callbacks.forEach((each) => each()) }
    waiting.set(signal, found)
    signal.addEventListener('abort', found.tellAll)
  }
  const { callbacks, tellAll } = found
  callbacks.add(callback)
  return () => {
    callbacks.delete(callback)
    if (callbacks.size > 0) return
    waiting.delete(signal)
    signal.removeEventListener('abort', tellAll)
  }
}
