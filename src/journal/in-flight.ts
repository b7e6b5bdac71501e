/** Counts what the operating system has not answered yet: memory and descriptors must stay as long as that (D4b). */
export class InFlight {
  #count = 0
  #whenIdle: (() => void)[] = []

  get isBusy(): boolean {
    return this.#count > 0
  }

  /** Calls back as soon as nothing is unfinished: at once if that is so. */
  whenIdle(callback: () => void): void {
    if (this.isBusy) this.#whenIdle.push(callback)
    else callback()
  }

  begin(): void {
    this.#count++
  }

  end(): void {
    this.#count--
    if (this.#count > 0 || this.#whenIdle.length === 0) return
    const callbacks = this.#whenIdle
    this.#whenIdle = []
    for (const callback of callbacks) callback()
  }

  /** From now until the operation has ended. */
  async track<Value>(operation: Promise<Value>): Promise<Value> {
    this.begin()
    try {
      return await operation
    } finally {
      this.end()
    }
  }
}
