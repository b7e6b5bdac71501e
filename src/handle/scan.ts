import { run, runSync, type Steps } from '../storage/steps.js'

/** What is found, piece by piece. */
export interface Pieces<Item> {
  /** None at the end. */
  next(): Steps<readonly Item[]>
  close(): Steps<void>
}

/** One iteration, as a call of a handle. */
export interface ScanCall<Item> {
  readonly pieces: Pieces<Item>
  /** Gives an error its meaning. */
  readonly told: (error: unknown) => unknown
  readonly end: () => void
}

/**
 * Something to iterate over: `for await` waits for the disk, `for` blocks. Each iteration begins anew, and what is left early
 * is closed. Names that come and go meanwhile may be found or not.
 */
export class Scan<Item> implements AsyncIterable<Item>, Iterable<Item> {
  readonly #begin: () => ScanCall<Item>

  constructor(begin: () => ScanCall<Item>) {
    this.#begin = begin
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    const { pieces, told, end } = this.#begin()
    try {
      for (;;) {
        // Piece after piece, as they are asked for.
        // oxlint-disable-next-line no-await-in-loop
        const piece = await run(withMeaning(pieces.next(), told))
        if (piece.length === 0) return
        yield* piece
      }
    } finally {
      try {
        await run(pieces.close())
      } finally {
        end()
      }
    }
  }

  *[Symbol.iterator](): Generator<Item, void, undefined> {
    const { pieces, told, end } = this.#begin()
    try {
      for (;;) {
        const piece = runSync(withMeaning(pieces.next(), told))
        if (piece.length === 0) return
        yield* piece
      }
    } finally {
      try {
        runSync(pieces.close())
      } finally {
        end()
      }
    }
  }
}

function* withMeaning<Result>(steps: Steps<Result>, told: (error: unknown) => unknown): Steps<Result> {
  try {
    return yield* steps
  } catch (error) {
    throw told(error)
  }
}

/** How many there are, without keeping them. */
export function* countPieces(pieces: Pieces<unknown>): Steps<number> {
  let count = 0
  try {
    for (;;) {
      const { length } = yield* pieces.next()
      if (length === 0) return count
      count += length
    }
  } finally {
    yield* pieces.close()
  }
}

/** All of them. */
export function* gather<Item>(pieces: Pieces<Item>): Steps<Item[]> {
  const items: Item[] = []
  try {
    for (;;) {
      const piece = yield* pieces.next()
      if (piece.length === 0) return items
      items.push(...piece)
    }
  } finally {
    yield* pieces.close()
  }
}
