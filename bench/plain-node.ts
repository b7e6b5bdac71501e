import { fdatasync, writeSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'

// What people write by hand today, each as fast as it gets without becoming a journal. None has checksums, none recovers,
// and a short write or a failed sync goes unnoticed: they are here to compare speed with, not to be used.

/** Appends records with a length before each, 1000 of them a write, joined by `Buffer.concat`. */
export async function appendJoined(file: FileHandle, record: Buffer, count: number): Promise<void> {
  for (let done = 0; done < count; done += 1000) {
    const parts: Buffer[] = []
    for (let index = 0; index < 1000; index++) {
      const length = Buffer.allocUnsafe(4)
      length.writeUInt32LE(record.length)
      parts.push(length, record)
    }
    await file.write(Buffer.concat(parts))
  }
}

/** The same, into one buffer that is used again for each write. */
export async function appendInPlace(file: FileHandle, record: Buffer, count: number): Promise<void> {
  const buffer = Buffer.alloc(1000 * (4 + record.length))
  for (let done = 0; done < count; done += 1000) {
    let position = 0
    for (let index = 0; index < 1000; index++) {
      buffer.writeUInt32LE(record.length, position)
      buffer.set(record, position + 4)
      position += 4 + record.length
    }
    await file.write(buffer)
  }
}

/** A group commit: one batch in flight, the next one collecting. */
export class HandWrittenGroupCommit {
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

const dataSync = promisify(fdatasync)

/** One durable record after the other. Returns how long each took, in microseconds. */
export async function commitOneByOne(fd: number, record: Buffer, count: number): Promise<number[]> {
  const durations: number[] = []
  let position = 0
  for (let index = 0; index < count; index++) {
    const begun = performance.now()
    position += writeSync(fd, record, 0, record.length, position)
    await dataSync(fd)
    durations.push((performance.now() - begun) * 1000)
  }
  return durations
}

/** Reads records with a length before each, a megabyte at a time, and hands out a view of each. Checks nothing. */
export async function readUnchecked(file: FileHandle, visit: (record: Buffer) => void): Promise<number> {
  let rest = Buffer.alloc(0)
  let position = 0
  let records = 0
  for (;;) {
    const buffer = Buffer.allocUnsafe(2 ** 20)
    rest.copy(buffer)
    const { bytesRead } = await file.read(buffer, rest.length, buffer.length - rest.length, position)
    if (bytesRead === 0) return records
    position += bytesRead
    const filled = rest.length + bytesRead
    let start = 0
    while (start + 4 <= filled) {
      const end = start + 4 + buffer.readUInt32LE(start)
      if (end > filled) break
      visit(buffer.subarray(start + 4, end))
      records++
      start = end
    }
    rest = buffer.subarray(start, filled)
  }
}
