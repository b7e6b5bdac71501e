import { channel, tracingChannel } from 'node:diagnostics_channel'

/** What a channel has told. */
export interface Told {
  /** `sync:start`, `append`; `call:start` of a handle. */
  readonly event: string
  /** The message as it was then. */
  readonly was: Readonly<Record<string, unknown>>
  /** The message itself, as it has become. */
  readonly message: Record<string, unknown>
}

const TRACED = ['journal:open', 'journal:flush', 'journal:sync', 'journal:close', 'handle:call']
const PLAIN = ['journal:append', 'journal:slow-sync', 'handle:slow-sync']
const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const

/** Listens to all that journals and handles tell, until it is disposed of. */
export class Listener implements Disposable {
  readonly told: Told[] = []
  readonly #stop: (() => void)[] = []

  constructor(onEvent: (told: Told) => void = () => {}) {
    const hear = (event: string) => (message: unknown) => {
      const told = { event, was: { ...(message as object) }, message: message as Told['message'] }
      this.told.push(told)
      onEvent(told)
    }
    for (const name of TRACED) {
      const traced = tracingChannel<unknown, object>(`fsys:${name}`)
      for (const event of EVENTS) this.#listen(traced[event], hear(`${lastWord(name)}:${event}`))
    }
    for (const name of PLAIN) this.#listen(channel(`fsys:${name}`), hear(lastWord(name)))
  }

  /** The names of what was told, and forgets it. */
  take(): Told[] {
    return this.told.splice(0)
  }

  [Symbol.dispose](): void {
    for (const stop of this.#stop) stop()
  }

  #listen(to: ReturnType<typeof channel>, hear: (message: unknown) => void): void {
    to.subscribe(hear)
    this.#stop.push(() => to.unsubscribe(hear))
  }
}

function lastWord(name: string): string {
  return name.slice(name.lastIndexOf(':') + 1)
}

export function eventsOf(told: readonly Told[]): string[] {
  return told.map(({ event }) => event)
}
