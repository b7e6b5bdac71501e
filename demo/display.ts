/** Where there is no terminal, progress is a line now and then. */
const PLAIN_INTERVAL_MS = 2000
const TERMINAL_INTERVAL_MS = 80
const TERMINAL_COLUMNS = 80
const BAR_COLUMNS = 30
/** Back to the beginning of the line, and nothing on it any more. */
const CLEAR_LINE = '\r\x1b[K'

/** Lines of text with the time at which they were said; on a terminal, a progress bar below them. */
export class Display {
  readonly #stream: NodeJS.WriteStream
  readonly #startedAt = performance.now()
  #progressedAt = performance.now()
  /** What stands in the last line of the terminal, without a newline. */
  #bar = ''

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  /** Says something, as it is. */
  say(text: string): void {
    this.#stream.write(this.#bar === '' ? `${text}\n` : `${CLEAR_LINE}${text}\n${this.#bar}`)
  }

  /** Says what has just happened. */
  tell(text: string): void {
    const elapsed = ((performance.now() - this.#startedAt) / 1e3).toFixed(2)
    this.say(`${elapsed.padStart(7)} s  ${text}`)
  }

  /** How far the work is, from 0 to 1, and in words. Called often, it shows that now and then. */
  progress(fraction: number, words: () => string): void {
    const now = performance.now()
    const { isTTY } = this.#stream
    if (now - this.#progressedAt < (isTTY ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS)) return
    this.#progressedAt = now
    const percent = `${Math.floor(fraction * 100)} %`
    if (!isTTY) {
      this.tell(`${percent}, ${words()}`)
      return
    }
    const filled = Math.round(fraction * BAR_COLUMNS)
    const bar = `[${'#'.repeat(filled)}${'-'.repeat(BAR_COLUMNS - filled)}] ${percent.padStart(5)}  ${words()}`
    // A line that wraps could not be cleared again.
    this.#bar = bar.slice(0, (this.#stream.columns || TERMINAL_COLUMNS) - 1)
    this.#stream.write(CLEAR_LINE + this.#bar)
  }

  /** Takes the progress bar away. */
  endProgress(): void {
    if (this.#bar !== '') this.#stream.write(CLEAR_LINE)
    this.#bar = ''
  }
}
