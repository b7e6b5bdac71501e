import { fdatasync, write, writeSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'

const writeAsync = promisify(write)
const dataSync = promisify(fdatasync)

/** The obvious group commit: one batch in flight, the next one collecting, a promise for each record. */
export class GroupCommit {
  readonly #file: FileHandle
  #parts: Buffer[] = []
  #resolves: (() => void)[] = []
  #isBusy = false

  constructor(file: FileHandle) {
    this.#file = file
  }

  commit(record: Buffer): Promise<void> {
    const length = Buffer.allocUnsafe(4)
    length.writeUInt32LE(record.length)
    this.#parts.push(length, record)
    return new Promise((resolve) => {
      this.#resolves.push(resolve)
      if (!this.#isBusy) {
        this.#isBusy = true
        process.nextTick(() => void this.#run())
      }
    })
  }

  async #run(): Promise<void> {
    while (this.#resolves.length > 0) {
      const parts = this.#parts
      const resolves = this.#resolves
      this.#parts = []
      this.#resolves = []
      await this.#file.write(Buffer.concat(parts))
      await this.#file.datasync()
      for (const resolve of resolves) resolve()
    }
    this.#isBusy = false
  }
}

const STAGE_BYTES = 2 ** 25
const BLOCKING_WRITE_BYTES_MAX = 2 ** 16

/** The best that plain Node gives: records are copied where they are written from, and a batch shares one promise. */
export class StagedGroupCommit {
  readonly #fd: number
  #stage: Buffer = Buffer.allocUnsafeSlow(STAGE_BYTES)
  #spare: Buffer = Buffer.allocUnsafeSlow(STAGE_BYTES)
  #staged = 0
  #position = 0
  #isBusy = false
  #batch = withResolvers()

  constructor(fd: number) {
    this.#fd = fd
  }

  commit(record: Buffer): Promise<unknown> {
    const stage = this.#stage
    const position = this.#staged
    stage.writeUInt32LE(record.length, position)
    stage.set(record, position + 4)
    this.#staged = position + 4 + record.length
    if (!this.#isBusy) {
      this.#isBusy = true
      process.nextTick(() => void this.#run())
    }
    return this.#batch.promise
  }

  async #run(): Promise<void> {
    while (this.#staged > 0) {
      const stage = this.#stage
      const length = this.#staged
      const { resolve } = this.#batch
      this.#stage = this.#spare
      this.#spare = stage
      this.#staged = 0
      this.#batch = withResolvers()
      if (length <= BLOCKING_WRITE_BYTES_MAX) writeSync(this.#fd, stage, 0, length, this.#position)
      else await writeAsync(this.#fd, stage, 0, length, this.#position)
      this.#position += length
      await dataSync(this.#fd)
      resolve()
      // Those who were woken come again before the next batch goes: otherwise there are two batches of half the size.
      await new Promise((goOn) => {
        process.nextTick(goOn)
      })
    }
    this.#isBusy = false
  }
}

interface Resolvers {
  readonly promise: Promise<undefined>
  resolve(this: void): void
}

function withResolvers(): Resolvers {
  let resolve!: (value: undefined) => void
  const promise = new Promise<undefined>((settle) => {
    resolve = settle
  })
  return { promise, resolve: () => resolve(undefined) }
}
