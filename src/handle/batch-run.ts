import { call, run, type Steps } from '../storage/steps.js'
import type { FileReplacement } from '../storage/storage.js'
import { confirmNames, draftLost, publishDraft, withSource, writeDraft } from './atomic-write.js'
import { chunksOf, filesAtOnce, smallContent } from './batch-chunks.js'
import { BatchError, type FailedOperation } from './batch-error.js'
import type { SettledBatchOptions } from './batch-options.js'
import { type BatchOperation, directoriesOf, planBatch, type Stretch } from './batch-plan.js'
import type { HandleContext } from './context.js'
import { copyToPlace } from './copy-file.js'
import { draftName } from './draft-name.js'
import { told } from './handle-life.js'
import { moveName, unlinkFile } from './names.js'
import { OpenDirectories } from './open-directories.js'
import { atPlace, type LastLink, type Place, splitPath } from './scope.js'
import { type ByteSource, sourceOf } from './source.js'

/** What has become of an operation so far. */
type State = 'not-started' | 'under-way' | 'failed' | 'done' | 'completed' | 'unconfirmed'

/**
 * Does the operations of a batch, many at a time, until all are done or one has failed; then what is under way ends, and what
 * is done is made durable. Resolves to how many bytes it has written and copied; rejects with a `BatchError`.
 */
export async function runBatch(
  context: HandleContext,
  operations: readonly BatchOperation[],
  options: SettledBatchOptions,
): Promise<number> {
  return await new BatchRun(context, operations, options).run()
}

class BatchRun {
  readonly #context: HandleContext
  readonly #operations: readonly BatchOperation[]
  readonly #options: SettledBatchOptions
  readonly #states: State[]
  readonly #failed: FailedOperation[] = []
  #bytes = 0
  /** Why nothing more is started. */
  #stop: { readonly cause: unknown } | undefined
  #directories: OpenDirectories

  constructor(context: HandleContext, operations: readonly BatchOperation[], options: SettledBatchOptions) {
    this.#context = context
    this.#operations = operations
    this.#options = options
    this.#states = operations.map(() => 'not-started')
    this.#directories = new OpenDirectories(context)
  }

  async run(): Promise<number> {
    const { concurrency, grouped } = this.#options
    const order = concurrency === 1 && !grouped ? 'as-given' : 'by-directory'
    for (const stretch of planBatch(this.#operations, order)) {
      if (this.#isStopped()) break
      // One after the other: so many directories are open, and no more.
      // oxlint-disable-next-line no-await-in-loop
      await this.#runStretch(stretch)
    }
    if (this.#stop === undefined) return this.#bytes
    const [completed, unconfirmed] = [this.#those('completed'), this.#those('unconfirmed')]
    const outcome = { failed: this.#failed, completed, unconfirmed, notStarted: this.#those('not-started') }
    throw new BatchError(outcome, this.#stop.cause)
  }

  async #runStretch({ waves }: Stretch): Promise<void> {
    this.#directories = new OpenDirectories(this.#context)
    try {
      for (const wave of waves) {
        // What is on one path is done in its order.
        // oxlint-disable-next-line no-await-in-loop
        if (!this.#isStopped()) await this.#runWave(wave)
      }
      await this.#confirm(waves.flat())
    } finally {
      await this.#directories.close()
    }
  }

  /** Starts one after the other, as many as may be under way, until all have ended. */
  async #runWave(wave: readonly number[]): Promise<void> {
    const { concurrency, grouped } = this.#options
    const chunks = chunksOf(this.#operations, wave, grouped ? filesAtOnce(concurrency) : 1)
    let [next, underWay] = [0, 0]
    await new Promise<void>((resolve) => {
      const goOn = (): void => {
        for (let chunk = chunks[next]; chunk !== undefined && !this.#isStopped(); chunk = chunks[++next]) {
          const { length } = chunk
          if (underWay > 0 && underWay + length > concurrency) return
          underWay += length
          void this.#runChunk(chunk).finally(() => {
            underWay -= length
            goOn()
          })
        }
        if (underWay === 0) resolve()
      }
      goOn()
    })
  }

  /** Never rejects. */
  async #runChunk(chunk: readonly number[]): Promise<void> {
    for (const index of chunk) this.#states[index] = 'under-way'
    const left = chunk.length > 1 ? await this.#replaceTogether(chunk) : chunk
    await Promise.all(left.map((index) => this.#runOne(index)))
  }

  /** Replaces small files of one directory in one trip, where that can be. Returns those that must be done one by one. */
  async #replaceTogether(chunk: readonly number[]): Promise<readonly number[]> {
    const { parent } = splitPath((this.#operations[chunk[0] as number] as BatchOperation).path)
    const { durability, sweeper, meter } = this.#context
    try {
      const directory = await run(this.#directories.open(parent))
      if (directory.replaceFiles === undefined) return chunk
      const facts = await directory.stat('.')
      const method = facts && durability.choiceFor(directory, facts).method
      if (method === undefined || method === 'direct') return chunk
      await run(sweeper.sweepWhenDue(directory))
      const files = chunk.map((index) => this.#replacement(index))
      const ends = meter.watch('files', directory.path)
      const outcomes = await directory.replaceFiles(files, method === 'sync').finally(ends)
      this.#directories.changed(parent)
      for (const [at, { name, content }] of files.entries()) {
        const [index, outcome] = [chunk[at] as number, outcomes[at]]
        if (outcome === 'replaced') this.#done(index, content.length)
        else if (outcome instanceof Error) this.#fail(index, draftLost(outcome, directory, name))
      }
      return chunk.filter((_, at) => outcomes[at] === 'not-plain')
    } catch (error) {
      for (const index of chunk) this.#fail(index, error)
      return []
    }
  }

  #replacement(index: number): FileReplacement {
    const operation = this.#operations[index] as BatchOperation & { readonly kind: 'write' }
    const { owners } = this.#context.storage
    return {
      name: splitPath(operation.path).name,
      draft: draftName(owners.self(), owners.token()),
      content: smallContent(operation),
      permissions: operation.mode,
    }
  }

  async #runOne(index: number): Promise<void> {
    try {
      this.#done(index, await run(this.#steps(this.#operations[index] as BatchOperation)))
    } catch (error) {
      this.#fail(index, error)
    }
  }

  /** Ends with how many bytes were moved. */
  *#steps(operation: BatchOperation): Steps<number> {
    const { signal } = this.#options
    const { kind, path } = operation
    if (kind === 'write') {
      return yield* withSource(sourceOf(operation.data), signal, (source) =>
        this.#at(path, 'follow', (place) => this.#write(place, source, operation.mode)),
      )
    }
    if (kind === 'delete') {
      yield* this.#at(path, 'itself', unlinkFile)
      return 0
    }
    if (kind === 'rename') {
      // The target's directory is confirmed first: a file with two names is better than one with none.
      yield* this.#at(path, 'itself', (source) =>
        this.#at(operation.to, 'itself', (target) => moveName(source, target)),
      )
      return 0
    }
    const { bytes } = yield* atPlace(this.#context.scope, path, 'follow', (source) =>
      this.#at(operation.to, 'follow', (target) => copyToPlace(this.#context, source, target, signal)),
    )
    return bytes
  }

  *#write(place: Place, source: ByteSource, mode: number): Steps<number> {
    const { signal } = this.#options
    const { draft, bytes } = yield* writeDraft(this.#context, place, source, { mode, signal })
    yield* publishDraft(place, draft, signal)
    return bytes
  }

  /** Changes a name at a place in a shared directory; or in one of its own, where a link leads to it. */
  *#at<Result>(path: string, lastLink: LastLink, work: (place: Place) => Steps<Result>): Steps<Result> {
    const { parent, name } = splitPath(path)
    const directory = yield* this.#directories.open(parent)
    const facts = yield* call(directory, 'stat', name)
    if ((facts?.isLink && lastLink === 'follow') || /[/\\]$/u.test(path))
      return yield* this.#elsewhere(path, lastLink, work)
    const result = yield* work({ directory, name, facts, isForDirectory: false })
    if (this.#options.grouped) this.#directories.changed(parent)
    else yield* confirmNames(this.#context, directory, name)
    return result
  }

  #elsewhere<Result>(path: string, lastLink: LastLink, work: (place: Place) => Steps<Result>): Steps<Result> {
    const context = this.#context
    return atPlace(context.scope, path, lastLink, function* workAndConfirm(place) {
      const result = yield* work(place)
      yield* confirmNames(context, place.directory, place.name)
      return result
    })
  }

  /** What is done becomes completed, or unconfirmed. */
  async #confirm(indexes: readonly number[]): Promise<void> {
    const failures = await this.#directories.confirm(this.#options.concurrency)
    for (const index of indexes) {
      if (this.#states[index] !== 'done') continue
      const directories = directoriesOf(this.#operations[index] as BatchOperation)
      this.#states[index] = directories.some((path) => failures.has(path)) ? 'unconfirmed' : 'completed'
    }
    const [first] = failures.values()
    if (first !== undefined) this.#stop ??= { cause: first }
  }

  #done(index: number, bytes: number): void {
    this.#states[index] = 'done'
    this.#bytes += bytes
    this.#context.meter.operationDone((this.#operations[index] as BatchOperation).kind, bytes)
  }

  #fail(index: number, failure: unknown): void {
    const { kind, path } = this.#operations[index] as BatchOperation
    const error = told(failure, kind, path)
    this.#stop ??= { cause: error }
    // A source can throw anything, null too.
    if ((error as { readonly code?: unknown } | null | undefined)?.code === 'ERR_FSYS_UNCONFIRMED') {
      this.#states[index] = 'unconfirmed'
      return
    }
    this.#states[index] = 'failed'
    this.#failed.push({ index, kind, path, error })
  }

  #isStopped(): boolean {
    const { signal } = this.#options
    if (signal?.aborted) this.#stop ??= { cause: signal.reason }
    return this.#stop !== undefined
  }

  #those(state: State): number[] {
    return Array.from(this.#states.keys()).filter((index) => this.#states[index] === state)
  }
}
