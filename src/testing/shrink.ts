/** Runs a program with this script. What it drew, if it failed in the way that is looked for; otherwise undefined. */
export type StillFails = (script: readonly number[]) => Promise<readonly number[] | undefined>

export interface Shrunk {
  readonly script: readonly number[]
  readonly attempts: number
}

/**
 * Makes a failing run simpler by making what it draws simpler: fewer draws first, then smaller ones ("internal shrinking",
 * as in Hypothesis: MacIver and Donaldson, "Test-Case Reduction via Test-Case Generation", ECOOP 2020). Knows nothing of
 * what the numbers mean; every script makes some run.
 */
export async function shrink(drawn: readonly number[], stillFails: StillFails, attemptsMax: number): Promise<Shrunk> {
  const search = new Search(drawn, stillFails, attemptsMax)
  let before: readonly number[] | undefined
  while (before !== search.best && search.hasAttemptsLeft) {
    before = search.best
    // Each pass goes on from what the one before it has found.
    // oxlint-disable-next-line no-await-in-loop
    for (const pass of [cutTail, zeroChunks, deleteChunks, lowerEach, lowerAndDelete]) await pass(search)
  }
  return { script: withoutZeroTail(search.best), attempts: search.attempts }
}

class Search {
  best: readonly number[]
  attempts = 0
  readonly #stillFails: StillFails
  readonly #attemptsMax: number
  readonly #tried: Set<string> = new Set()

  constructor(drawn: readonly number[], stillFails: StillFails, attemptsMax: number) {
    this.best = drawn
    this.#stillFails = stillFails
    this.#attemptsMax = attemptsMax
  }

  get hasAttemptsLeft(): boolean {
    return this.attempts < this.#attemptsMax
  }

  /** True if this fails too and is simpler: it is the best then. */
  async try(candidate: readonly number[]): Promise<boolean> {
    const script = withoutZeroTail(candidate)
    const key = script.join()
    if (!this.hasAttemptsLeft || this.#tried.has(key)) return false
    this.#tried.add(key)
    this.attempts += 1
    const drawn = await this.#stillFails(script)
    if (drawn === undefined || !isSimpler(drawn, this.best)) return false
    this.best = drawn
    return true
  }
}

/** Only the beginning, as short as it can be; the rest is the simplest. */
async function cutTail(search: Search): Promise<void> {
  await lowest(withoutZeroTail(search.best).length, (length) => search.try(search.best.slice(0, length)))
}

async function zeroChunks(search: Search): Promise<void> {
  await chunkwise(search, (script, start, end) => {
    if (script.slice(start, end).every((value) => value === 0)) return undefined
    return [...script.slice(0, start), ...Array.from({ length: end - start }, () => 0), ...script.slice(end)]
  })
}

async function deleteChunks(search: Search): Promise<void> {
  await chunkwise(search, (script, start, end) => [...script.slice(0, start), ...script.slice(end)])
}

/** Changes chunk after chunk, from large ones to single numbers, from the end to the beginning. */
async function chunkwise(
  search: Search,
  change: (script: readonly number[], start: number, end: number) => number[] | undefined,
): Promise<void> {
  let size = 2 ** Math.floor(Math.log2(Math.max(1, withoutZeroTail(search.best).length)))
  for (; size >= 1; size /= 2) {
    for (let end = withoutZeroTail(search.best).length; end > 0; end -= size) {
      const script = withoutZeroTail(search.best)
      const candidate = change(script, Math.max(0, Math.min(end, script.length) - size), Math.min(end, script.length))
      // oxlint-disable-next-line no-await-in-loop
      if (candidate) await search.try(candidate)
      if (!search.hasAttemptsLeft) return
    }
  }
}

async function lowerEach(search: Search): Promise<void> {
  for (let index = 0; index < search.best.length; index += 1) {
    const value = search.best[index] ?? 0
    // oxlint-disable-next-line no-await-in-loop
    if (value > 0) await lowest(value, (lower) => search.try(search.best.with(index, lower)))
  }
}

/** A number that says how many of something follow can only be lowered together with what follows. */
async function lowerAndDelete(search: Search): Promise<void> {
  for (let index = 0; index < search.best.length; index += 1) {
    for (let size = 1; size <= LOOKAHEAD && (search.best[index] ?? 0) > 0; size += 1) {
      const lowered = search.best.with(index, (search.best[index] ?? 0) - 1)
      // oxlint-disable-next-line no-await-in-loop
      await search.try([...lowered.slice(0, index + 1), ...lowered.slice(index + 1 + size)])
    }
  }
}

const LOOKAHEAD = 6

/** Finds a low number from 0 to `limit - 1` that does, by halving, as if all from some number on did. */
async function lowest(limit: number, does: (candidate: number) => Promise<boolean>): Promise<void> {
  if (await does(0)) return
  let [fails, works] = [0, limit]
  while (works - fails > 1) {
    const middle = fails + Math.floor((works - fails) / 2)
    // oxlint-disable-next-line no-await-in-loop
    if (await does(middle)) works = middle
    else fails = middle
  }
}

/** Fewer draws are simpler; of as many, smaller ones, the first that differs deciding. */
function isSimpler(one: readonly number[], other: readonly number[]): boolean {
  if (one.length !== other.length) return one.length < other.length
  const index = one.findIndex((value, at) => value !== other[at])
  return index !== -1 && (one[index] ?? 0) < (other[index] ?? 0)
}

/** Zeros at the end come by themselves. */
function withoutZeroTail(numbers: readonly number[]): readonly number[] {
  return numbers.slice(0, numbers.findLastIndex((value) => value !== 0) + 1)
}
