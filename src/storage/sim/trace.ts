import type { Operation } from './operation.js'

/** A bounded list of what happened on a disk, one line each, for the messages of failed tests. */
export class Trace {
  readonly #limit: number
  #lines: string[] = []
  /** The operation whose beginning is the last line. */
  #justBegun: Operation | undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  /** The last lines, oldest first. */
  get lines(): readonly string[] {
    return this.#lines.slice(-this.#limit)
  }

  get isOff(): boolean {
    return this.#limit === 0
  }

  begins(now: number, operation: Operation): void {
    if (this.#limit === 0) return
    this.add(now, operation, operation.delayMs > 0 ? `begins, and takes ${operation.delayMs} ms` : 'begins')
    this.#justBegun = operation
  }

  add(now: number, operation: Operation, event: string, result?: unknown): void {
    if (this.#limit === 0) return
    // Nothing came in between: one line is enough.
    if (this.#justBegun === operation && operation.delayMs === 0) this.#lines.pop()
    this.#push(now, `${describe(operation)} ${event}${describeFault(operation)}${describeResult(result)}`)
  }

  note(now: number, text: string): void {
    if (this.#limit > 0) this.#push(now, text)
  }

  #push(now: number, text: string): void {
    this.#justBegun = undefined
    this.#lines.push(`${now.toFixed(3).padStart(10)} ms  ${text}`)
    if (this.#lines.length >= this.#limit * 2) this.#lines = this.#lines.slice(-this.#limit)
  }
}

function describe({ index, kind, path, to, position, length, isBlocking, process, caller }: Operation): string {
  const who = `${process.pid}${process.thread === process.pid ? '' : `/${process.thread}`}${caller.isAlive ? '' : ' (dead)'}`
  const where = `${path}${to === undefined ? '' : ` -> ${to}`}`
  const range = `${position === undefined ? '' : ` at ${position}`}${length === undefined ? '' : ` of ${length}`}`
  return `#${index} ${who} ${kind}${isBlocking ? 'Sync' : ''} ${where}${range}`
}

/** What a fault has done to it that its result does not tell. */
function describeFault({ limit, isLie }: Operation): string {
  return `${limit === Infinity ? '' : ' (made short)'}${isLie ? ' (a lie)' : ''}`
}

function describeResult(result: unknown): string {
  if (result instanceof Error) return `: ${result.message}`
  if (typeof result === 'number' || typeof result === 'boolean' || typeof result === 'string') return `: ${result}`
  return ''
}
