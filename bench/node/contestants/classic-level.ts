import type { Contestant } from '../contestant.js'
import { loadPeer } from '../peer.js'

interface ClassicLevel {
  open(): Promise<void>
  put(key: Buffer, value: Buffer, options?: { sync: boolean }): Promise<void>
  batch(operations: readonly Put[], options?: { sync: boolean }): Promise<void>
  values(): { nextv(size: number): Promise<Buffer[]>; close(): Promise<void> }
  close(): Promise<void>
}

interface Put {
  readonly type: 'put'
  readonly key: Buffer
  readonly value: Buffer
}

/** LevelDB, with numbers as keys. Synced writes are an option, and off by default. */
export const contestant: Contestant = {
  async open(path, { committers }) {
    const database = await open(path)
    return {
      commit: committers === 1 ? (record) => database.put(nextKey(), record, { sync: true }) : oneBatchATurn(database),
      appendAll: (record, count) => append(database, record, count),
      sync: () => database.put(nextKey(), Buffer.alloc(1), { sync: true }),
      close: () => database.close(),
    }
  },

  async prepare(path, record, count) {
    const database = await open(path)
    await append(database, record, count)
    await database.close()
  },

  async replay(path) {
    const database = await open(path)
    const values = database.values()
    let records = 0
    let bytes = 0
    for (;;) {
      const some = await values.nextv(1000)
      if (some.length === 0) break
      for (const value of some) bytes += value.length
      records += some.length
    }
    await values.close()
    await database.close()
    return { records, bytes }
  },
}

async function open(path: string): Promise<ClassicLevel> {
  const peer = loadPeer<{ ClassicLevel: new (path: string, options: object) => ClassicLevel }>('classic-level')
  const database = new peer.ClassicLevel(path, { keyEncoding: 'buffer', valueEncoding: 'buffer', compression: false })
  await database.open()
  return database
}

let last = 0
function nextKey(): Buffer {
  const key = Buffer.allocUnsafe(6)
  key.writeUIntBE(++last, 0, 6)
  return key
}

async function append(database: ClassicLevel, record: Buffer, count: number): Promise<void> {
  for (let done = 0; done < count; done += 1000) {
    const length = Math.min(1000, count - done)
    await database.batch(Array.from({ length }, () => ({ type: 'put', key: nextKey(), value: record })))
  }
}

/** Callers of one turn share one synced batch; the next turn's wait for it. */
function oneBatchATurn(database: ClassicLevel): (record: Buffer) => Promise<void> {
  let puts: Put[] = []
  let resolves: (() => void)[] = []
  let isBusy = false
  async function run(): Promise<void> {
    while (puts.length > 0) {
      const batch = puts
      const done = resolves
      puts = []
      resolves = []
      await database.batch(batch, { sync: true })
      for (const resolve of done) resolve()
      await new Promise((goOn) => {
        process.nextTick(goOn)
      })
    }
    isBusy = false
  }
  return (record) =>
    new Promise((resolve) => {
      puts.push({ type: 'put', key: nextKey(), value: record })
      resolves.push(resolve)
      if (isBusy) return
      isBusy = true
      setImmediate(() => void run())
    })
}
