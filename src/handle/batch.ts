import { FsysError } from '../errors.js'
import { type BatchOptions, type SettledBatchOptions, settleBatchOptions } from './batch-options.js'
import type { BatchOperation } from './batch-plan.js'
import { settleWriteOptions, type WriteOptions } from './options.js'
import { awaitTurn, checkData, type Data, type StreamedData } from './source.js'

type Path = string | URL

/** What a batch asks of its handle. */
export interface BatchHandle {
  readonly concurrency: number
  settle(path: Path): string
  commit(operations: readonly BatchOperation[], options: SettledBatchOptions): Promise<void>
}

/**
 * Operations on files that are collected, and then done together: `handle.batch().write(...).delete(...).commit()`. Nothing is
 * done before `commit`. Made by `Handle.batch`.
 *
 * Not a transaction: a crash in the middle leaves any of the operations done and the others not, each of them as a whole.
 * Those on the same path keep their order; others have none, and so a batch cannot need what it makes itself.
 */
export class Batch {
  readonly #handle: BatchHandle
  #operations: BatchOperation[] | undefined = []

  constructor(handle: BatchHandle) {
    this.#handle = handle
  }

  /** How many operations it has. */
  get size(): number {
    return this.#operations?.length ?? 0
  }

  /**
   * As `Handle.write`. Bytes must not change until the batch has ended; streams are taken one by one, as their turns come. A
   * batch that stops leaves those of what it has not started as they are.
   */
  write(path: Path, data: Data | StreamedData, options?: Pick<WriteOptions, 'mode'>): this {
    const { mode } = settleWriteOptions('writeSync', options)
    checkData(data)
    awaitTurn(data)
    return this.#add({ kind: 'write', path: this.#handle.settle(path), data, mode })
  }

  /** As `Handle.delete`: it is no failure if there is nothing. */
  delete(path: Path): this {
    return this.#add({ kind: 'delete', path: this.#handle.settle(path) })
  }

  /** As `Handle.rename`. */
  rename(from: Path, to: Path): this {
    return this.#add({ kind: 'rename', path: this.#handle.settle(from), to: this.#handle.settle(to) })
  }

  /** As `Handle.copy`. */
  copy(from: Path, to: Path): this {
    return this.#add({ kind: 'copy', path: this.#handle.settle(from), to: this.#handle.settle(to) })
  }

  /**
   * Does all of it, once. Resolves when everything is durable. The first failure, or the signal, stops the batch: nothing more
   * is started, what is under way ends, what is done is made durable, and then this rejects with a `BatchError` (code
   * ERR_FSYS_BATCH), which says what became of each operation. ERR_FSYS_CLOSED: the batch was committed before, or the handle
   * is closed.
   */
  async commit(options?: BatchOptions): Promise<void> {
    const settled = settleBatchOptions(this.#handle.concurrency, options)
    const operations = this.#take()
    await this.#handle.commit(operations, settled)
  }

  #add(operation: BatchOperation): this {
    if (this.#operations === undefined) throw committed()
    this.#operations.push(operation)
    return this
  }

  #take(): readonly BatchOperation[] {
    if (this.#operations === undefined) throw committed()
    const operations = this.#operations
    this.#operations = undefined
    return operations
  }
}

function committed(): FsysError {
  return new FsysError('ERR_FSYS_CLOSED', 'the batch has been committed: make another one')
}
