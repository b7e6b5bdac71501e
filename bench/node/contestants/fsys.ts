import { type Journal, createHandle, openJournal, openJournalSync, openReader } from 'fsys'

import type { Contestant, Log, Replayed } from '../contestant.js'

/**
 * This project. FSYS_ENGINE in the environment says by which engine.
 *
 * Variants: `direct`; for commit `commit`, `through` (syncThrough(append())) or `twin` (syncThroughSync(append())); for
 * append `pipelined` or `staged` (a sync comes next); for replay `scan`, `batches` or `records`; for replace `batch`, or
 * else one `write` after the other.
 */
export const contestant: Contestant = {
  async open(path, { variant }) {
    const journal = await openJournal(path, { direct: variant.includes('direct') })
    return { ...ways(journal, variant), served: served(journal), close: () => journal.close() }
  },

  async prepare(path, record, count) {
    const journal = await openJournal(path)
    for (let index = 0; index < count; index++) journal.append(record)
    await journal.close()
  },

  replay(path, variant) {
    if (variant.includes('scan')) return scan(path)
    return variant.includes('batches') ? readBatches(path) : readRecords(path)
  },

  async reopen(path, variant) {
    const journal = openJournalSync(path, { direct: variant.includes('direct') })
    return () => journal.close()
  },

  async replace(directory, names, content, variant) {
    const handle = createHandle({ root: directory })
    try {
      if (variant.includes('batch')) await handle.writeBatch(names.map((name) => [name, content]))
      else for (const name of names) await handle.write(name, content)
    } finally {
      handle.close()
    }
  },
}

function ways(journal: Journal, variant: readonly string[]): Omit<Log, 'close'> {
  if (variant.includes('twin')) {
    return { commitSync: (record) => void journal.syncThroughSync(journal.append(record)) }
  }
  if (variant.includes('commit')) return { commit: (record) => journal.commit(record) }
  if (variant.includes('through')) return { commit: (record) => journal.syncThrough(journal.append(record)) }
  return {
    async appendAll(record, count) {
      if (variant.includes('pipelined')) return appendPipelined(journal, record, count)
      for (let index = 0; index < count; index++) journal.append(record)
      if (!variant.includes('staged')) await journal.flush()
    },
    async sync() {
      await journal.syncThrough(journal.nextLsn)
    },
  }
}

/** Half a buffer is on its way to the disk while the next half is staged. */
async function appendPipelined(journal: Journal, record: Buffer, count: number): Promise<void> {
  const batch = Math.max(1, Math.floor((2 ** 20 - 4096) / (record.length + 12)))
  let flushed: Promise<unknown> = Promise.resolve()
  for (let done = 0; done < count; done += batch) {
    const end = Math.min(count, done + batch)
    for (let index = done; index < end; index++) journal.append(record)
    await flushed
    flushed = journal.flush()
  }
  await flushed
  await journal.flush()
}

function scan(path: string): Replayed {
  using reader = openReader(path)
  let bytes = 0
  const records = reader.scan((_buffer, start, end) => {
    bytes += end - start
  })
  return { records, bytes }
}

async function readBatches(path: string): Promise<Replayed> {
  using reader = openReader(path)
  let records = 0
  let bytes = 0
  for await (const batch of reader.batches()) {
    for (let index = 0; index < batch.count; index++) bytes += batch.payload(index).length
    records += batch.count
  }
  return { records, bytes }
}

function readRecords(path: string): Replayed {
  using reader = openReader(path)
  let records = 0
  let bytes = 0
  for (const { payload } of reader) {
    bytes += payload.length
    records++
  }
  return { records, bytes }
}

function served({ info }: Journal): string {
  return `${info.engine}${info.isDirect ? ', direct' : ''}, ${info.checksum.inUse} checksums, ${info.sync.inUse}`
}
