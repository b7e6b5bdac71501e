import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const GRACE_MS = 1000

/** Somebody may ask the process to end, and gets an orderly end. */
export class Interruption {
  readonly #controller = new AbortController()
  readonly #isPatient: boolean
  #status = 0

  /**
   * `patient`: later signals change nothing, because what is being finished matters and ends by itself. `impatient`: a
   * second signal kills, and so does the first, if the process is still there a second later: its reader may be stuck.
   */
  constructor(manner: 'patient' | 'impatient') {
    this.#isPatient = manner === 'patient'
    for (const name of SIGNALS) process.on(name, this.#interrupt)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** As a shell says it: 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP; 0 if there was no signal. */
  get status(): number {
    return this.#status
  }

  stop(): void {
    for (const name of SIGNALS) process.off(name, this.#interrupt)
  }

  readonly #interrupt = (name: NodeJS.Signals): void => {
    if (this.#status !== 0) return
    this.#status = 128 + constants.signals[name]
    if (!this.#isPatient) {
      this.stop()
      setTimeout(() => process.kill(process.pid, name), GRACE_MS).unref()
    }
    this.#controller.abort()
  }
}
