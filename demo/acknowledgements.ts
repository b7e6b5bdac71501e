/** The LSN at which each line was acknowledged, as the job has reported it: eight bytes a line. */
export class Acknowledgements {
  #lsns = new Float64Array(1024)
  #count = 0
  #lineCount = 0

  /** How many lines were acknowledged. */
  get count(): number {
    return this.#count
  }

  /** The number of the last line that was acknowledged, plus one. Lines count from 0. */
  get lineCount(): number {
    return this.#lineCount
  }

  /** Takes note of an acknowledgement. False if this line had been acknowledged before: the job went on at a wrong line. */
  add(line: number, lsn: number): boolean {
    if (line >= this.#lsns.length) this.#grow(line)
    if (this.#lsns[line] !== NONE) return false
    this.#lsns[line] = lsn
    this.#count++
    if (line >= this.#lineCount) this.#lineCount = line + 1
    return true
  }

  /** What was acknowledged for this line, if it was. */
  lsnOf(line: number): number | undefined {
    const lsn = this.#lsns[line] ?? NONE
    return lsn === NONE ? undefined : lsn
  }

  #grow(line: number): void {
    const lsns = new Float64Array(2 * (line + 1))
    lsns.set(this.#lsns)
    this.#lsns = lsns
  }
}

/** A record's LSN is past its frame, so never 0. */
const NONE = 0
