import { closeSync, fdatasync, fdatasyncSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { promisify } from 'node:util'

import type { Contestant, Log, Replayed } from '../contestant.js'
import { GroupCommit, StagedGroupCommit } from './hand-written-group-commit.js'

/**
 * What people write by hand, each as fast as it gets without becoming a journal. None has checksums, none recovers, and a
 * failed sync goes unnoticed: they are here to compare speed with, not to be used.
 *
 * Variants: for append `joined`, `in-place` or `bulk`; for commit `blocking`, `loop`, `group` or `staged`; `overwritten`
 * for a file that is allocated and written before.
 */
export const contestant: Contestant = {
  async open(path, { variant }) {
    if (variant.includes('blocking') || variant.includes('loop')) {
      return commitLoop(path, variant.includes('overwritten'), variant.includes('blocking'))
    }
    const file = await open(path, 'w')
    const close = (): Promise<void> => file.close()
    if (variant.includes('group')) {
      const group = new GroupCommit(file)
      return { commit: (record) => group.commit(record), close }
    }
    if (variant.includes('staged')) {
      const group = new StagedGroupCommit(file.fd)
      return { commit: (record) => group.commit(record), close }
    }
    const appendAll = variant.includes('in-place')
      ? appendInPlace
      : variant.includes('bulk')
        ? appendBulk
        : appendJoined
    return { appendAll: (record, count) => appendAll(file, record, count), sync: () => file.datasync(), close }
  },

  async prepare(path, record, count) {
    const file = await open(path, 'w')
    await appendInPlace(file, record, count)
    await file.datasync()
    await file.close()
  },

  async replay(path) {
    const file = await open(path, 'r')
    let bytes = 0
    const records = await readUnchecked(file, (payload) => {
      bytes += payload.length
    })
    await file.close()
    return { records, bytes } satisfies Replayed
  },

  /** Only reads it: whoever appends blindly behind whatever is there needs nothing else. */
  async reopen(path) {
    const file = await open(path, 'r+')
    const buffer = Buffer.allocUnsafe(2 ** 20)
    while ((await file.read(buffer, 0, buffer.length)).bytesRead > 0);
    return () => file.close()
  },
}

const dataSync = promisify(fdatasync)
const OVERWRITTEN_BYTES = 2 ** 24

/** One durable record after the other, at the next position of a file, or around in one that is allocated and written. */
function commitLoop(path: string, isOverwritten: boolean, isBlocking: boolean): Log {
  const fd = openSync(path, 'w')
  if (isOverwritten) {
    writeSync(fd, Buffer.alloc(OVERWRITTEN_BYTES))
    fsyncSync(fd)
  }
  let position = 0
  function write(record: Buffer): void {
    const length = record.length + 12 // as large as a frame of the journal
    if (isOverwritten && position + length > OVERWRITTEN_BYTES) position = 0
    position += writeSync(fd, framed(record, length), 0, length, position)
  }
  const close = (): void => closeSync(fd)
  if (isBlocking) {
    return {
      commitSync(record) {
        write(record)
        fdatasyncSync(fd)
      },
      close,
    }
  }
  return {
    commit(record) {
      write(record)
      return dataSync(fd)
    },
    close,
  }
}

let frame = Buffer.alloc(0)
function framed(record: Buffer, length: number): Buffer {
  if (frame.length !== length) frame = Buffer.alloc(length)
  frame.writeUInt32LE(record.length)
  frame.set(record, 4)
  return frame
}

/** A length before each record, 1000 of them a write, joined by `Buffer.concat`. */
async function appendJoined(file: FileHandle, record: Buffer, count: number): Promise<void> {
  for (let done = 0; done < count; done += 1000) {
    const end = Math.min(count, done + 1000)
    const parts: Buffer[] = []
    for (let index = done; index < end; index++) {
      const length = Buffer.allocUnsafe(4)
      length.writeUInt32LE(record.length)
      parts.push(length, record)
    }
    await writeWhole(file, Buffer.concat(parts))
  }
}

/** The same, into one buffer that is used again for each write. */
async function appendInPlace(file: FileHandle, record: Buffer, count: number): Promise<void> {
  await appendBuffered(file, record, count, 1000)
}

/** The same, with a megabyte a write. */
async function appendBulk(file: FileHandle, record: Buffer, count: number): Promise<void> {
  await appendBuffered(file, record, count, Math.max(1, Math.floor(2 ** 20 / (4 + record.length))))
}

async function appendBuffered(file: FileHandle, record: Buffer, count: number, perWrite: number): Promise<void> {
  const buffer = Buffer.allocUnsafe(perWrite * (4 + record.length))
  for (let done = 0; done < count; done += perWrite) {
    const end = Math.min(count, done + perWrite)
    let position = 0
    for (let index = done; index < end; index++) {
      buffer.writeUInt32LE(record.length, position)
      buffer.set(record, position + 4)
      position += 4 + record.length
    }
    await writeWhole(file, buffer.subarray(0, position))
  }
}

async function writeWhole(file: FileHandle, bytes: Buffer): Promise<void> {
  const { bytesWritten } = await file.write(bytes)
  if (bytesWritten !== bytes.length) throw new Error(`wrote ${bytesWritten} of ${bytes.length} bytes`)
}

/** Reads a megabyte at a time, and hands out a view of each record. Checks nothing. */
async function readUnchecked(file: FileHandle, visit: (record: Buffer) => void): Promise<number> {
  let rest = Buffer.alloc(0)
  let records = 0
  for (;;) {
    const buffer = Buffer.allocUnsafe(2 ** 20)
    rest.copy(buffer)
    const { bytesRead } = await file.read(buffer, rest.length, buffer.length - rest.length)
    if (bytesRead === 0) return records
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
