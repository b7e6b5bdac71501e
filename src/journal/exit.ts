/** What the open journals of this thread do when the process ends by itself. */
const handlers = new Set<() => void>()

function runAll(): void {
  for (const handler of handlers) handler()
}

/**
 * Calls back when the process ends by itself, by `process.exit` or by an uncaught error; not when it is killed, aborts, or
 * is a worker that is terminated. One listener serves all journals. Returns what cancels it.
 */
export function keepUntilExit(handler: () => void): () => void {
  if (handlers.size === 0) process.on('exit', runAll)
  handlers.add(handler)
  return () => {
    if (handlers.delete(handler) && handlers.size === 0) process.off('exit', runAll)
  }
}
