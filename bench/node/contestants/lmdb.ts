import { mkdirSync } from 'node:fs'

import type { Contestant } from '../contestant.js'
import { loadPeer } from '../peer.js'

interface Lmdb {
  open(options: Record<string, unknown>): LmdbDatabase
}

interface LmdbDatabase {
  put(key: number, value: Buffer): Promise<boolean>
  putSync(key: number, value: Buffer): boolean
  transactionSync<Result>(action: () => Result, flags?: number): Result
  getRange(): Iterable<{ value: Buffer }>
  readonly flushed: PromiseLike<unknown>
  close(): Promise<void>
}

// TransactionFlags of the package: not aborted half-way, synchronous, and without waiting for the disk.
const NO_SYNC_FLUSH = 0x10000

/** lmdb with numbers as keys. By default a commit resolves when it is visible: `flushed` is what says that it is durable. */
export const contestant: Contestant = {
  async open(path) {
    const database = open(path)
    let key = 0
    return {
      async commit(record) {
        await database.put(key++, record)
        await database.flushed
      },
      appendAll(record, count) {
        for (let done = 0; done < count; done += 1000) {
          database.transactionSync(() => {
            for (let index = done; index < Math.min(count, done + 1000); index++) database.putSync(key++, record)
          }, NO_SYNC_FLUSH)
        }
      },
      async sync() {
        await database.put(key++, Buffer.alloc(1))
        await database.flushed
      },
      close: () => database.close(),
    }
  },

  async prepare(path, record, count) {
    const database = open(path)
    let key = 0
    for (let done = 0; done < count; done += 1000) {
      database.transactionSync(() => {
        for (let index = done; index < Math.min(count, done + 1000); index++) database.putSync(key++, record)
      }, NO_SYNC_FLUSH)
    }
    await database.close()
  },

  async replay(path) {
    const database = open(path)
    let records = 0
    let bytes = 0
    for (const { value } of database.getRange()) {
      bytes += value.length
      records++
    }
    await database.close()
    return { records, bytes }
  },
}

function open(path: string): LmdbDatabase {
  mkdirSync(path, { recursive: true })
  return loadPeer<Lmdb>('lmdb').open({ path: `${path}/log`, encoding: 'binary', keyEncoding: 'uint32' })
}
