/** The choices of one run, made so that all runs together make every choice in every order. */
export class Choices {
  readonly #planned: readonly number[]
  readonly #made: { readonly choice: number; readonly of: number }[] = []

  constructor(planned: readonly number[]) {
    this.#planned = planned
  }

  /** A number from 0 to below `count`. */
  choose(count: number): number {
    const choice = this.#planned[this.#made.length] ?? 0
    if (choice >= count) throw new Error('a run is not the same when it is repeated')
    this.#made.push({ choice, of: count })
    return choice
  }

  /** What the next run chooses to begin with; undefined if this was the last. */
  get next(): number[] | undefined {
    const last = this.#made.findLastIndex(({ choice, of }) => choice + 1 < of)
    if (last === -1) return undefined
    return [...this.#made.slice(0, last), { choice: (this.#made[last]?.choice ?? 0) + 1 }].map(({ choice }) => choice)
  }
}

/** Goes through all choices that a run can make, depth first, repeating it from its beginning. Returns how many runs it was. */
export async function exploreAll(run: (choices: Choices) => Promise<void> | void): Promise<number> {
  let planned: number[] | undefined = []
  let runs = 0
  while (planned !== undefined) {
    const choices: Choices = new Choices(planned)
    await run(choices)
    runs++
    planned = choices.next
  }
  return runs
}
