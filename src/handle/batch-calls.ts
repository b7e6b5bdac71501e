import { checkNames } from '../checks.js'
import { invalidArgument } from '../errors.js'
import type { BatchOptions } from './batch-options.js'
import { runBatch } from './batch-run.js'
import { Batch } from './batch.js'
import { DirectoryCalls } from './directory-calls.js'
import type { WriteOptions } from './options.js'
import type { Data, StreamedData } from './source.js'

type Path = string | URL

/**
 * What a handle does with many files at once: several times as fast as one call after the other, because files are written
 * and synced side by side, and each directory is synced once. All of it is durable when it resolves. When it rejects, a
 * `BatchError` (code ERR_FSYS_BATCH) says what became of each operation; see `Batch` for what a crash may leave.
 */
export abstract class BatchCalls extends DirectoryCalls {
  /** Collects operations, to be done together by its `commit`. */
  batch(): Batch {
    return new Batch({
      concurrency: this.context.batchConcurrency,
      settle: (path) => this.settle(path),
      commit: (operations, options) => {
        const what = operations[0]?.path ?? ''
        return this.during('commit a batch that begins with', what, () => runBatch(this.context, operations, options))
      },
    })
  }

  /** Writes many files, each as by `write`: pairs of a path and what it is to hold, `Object.entries(...)` or a `Map`, say. */
  async writeBatch(
    files: Iterable<readonly [path: Path, data: Data | StreamedData]>,
    options: BatchOptions & Pick<WriteOptions, 'mode'> = {},
  ): Promise<void> {
    checkNames('writeBatch', options, ['mode', 'concurrency', 'grouped', 'signal'])
    const { mode, ...rest } = options
    const batch = this.batch()
    for (const [path, data] of pairsOf(files)) batch.write(path, data, mode === undefined ? {} : { mode })
    await batch.commit(rest)
  }

  /** Removes many files, each as by `delete`. */
  async deleteBatch(paths: Iterable<Path>, options?: BatchOptions): Promise<void> {
    const batch = this.batch()
    for (const path of listOf(paths)) batch.delete(path)
    await batch.commit(options)
  }

  /** Copies many files, each as by `copy`: pairs of where from and where to. */
  async copyBatch(files: Iterable<readonly [from: Path, to: Path]>, options?: BatchOptions): Promise<void> {
    const batch = this.batch()
    for (const [from, to] of pairsOf(files)) batch.copy(from, to)
    await batch.commit(options)
  }
}

/** A string can be iterated over too, and is never meant. */
function listOf<Item>(items: Iterable<Item>): Iterable<Item> {
  if (typeof items === 'object' && items !== null && Symbol.iterator in items) return items
  throw invalidArgument(`a batch must be an iterable, not ${typeof items}`)
}

function* pairsOf<Pair extends readonly [unknown, unknown]>(pairs: Iterable<Pair>): Generator<Pair> {
  for (const pair of listOf(pairs)) {
    if (!Array.isArray(pair)) throw invalidArgument('an entry of a batch must be an array of two')
    yield pair
  }
}
