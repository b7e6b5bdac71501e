import type { Contestant, Log } from './contestant.js'

/** What better-sqlite3 and node:sqlite have in common. */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
  close(): void
}

interface SqliteStatement {
  run(...values: unknown[]): unknown
  iterate(...values: unknown[]): Iterable<unknown>
}

/**
 * SQLite as a log: one table, rows in order, WAL mode, each commit synced (`synchronous=FULL`; the default in WAL mode of
 * better-sqlite3 is not). At its best: the WAL has its size before it is measured, and no checkpoint falls into the figure.
 * Concurrent callers share one transaction a turn of the event loop. All of it blocks the loop.
 */
export function sqliteContestant(openDatabase: (path: string) => SqliteDatabase): Contestant {
  function open(path: string): SqliteDatabase {
    const database = openDatabase(path)
    database.exec('PRAGMA journal_mode=WAL')
    database.exec('PRAGMA synchronous=FULL')
    database.exec('PRAGMA wal_autocheckpoint=0')
    database.exec('CREATE TABLE IF NOT EXISTS log (lsn INTEGER PRIMARY KEY, record BLOB NOT NULL)')
    return database
  }

  return {
    async open(path, { committers, variant }) {
      const database = open(path)
      const insert = database.prepare('INSERT INTO log (record) VALUES (?)')
      if (variant.includes('commit')) {
        growWal(database)
        return {
          ...(committers === 1 ? single(insert) : oneTransactionATurn(database, insert)),
          close: () => database.close(),
        }
      }
      return { ...bulk(database, insert), close: () => database.close() }
    },

    async prepare(path, record, count) {
      const database = open(path)
      await bulk(database, database.prepare('INSERT INTO log (record) VALUES (?)')).appendAll?.(record, count)
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      database.close()
    },

    replay(path) {
      const database = open(path)
      let records = 0
      let bytes = 0
      for (const row of database.prepare('SELECT record FROM log ORDER BY lsn').iterate()) {
        bytes += (row as { record: Uint8Array }).record.length
        records++
      }
      database.close()
      return { records, bytes }
    },
  }
}

const WAL_MIB = 32

/** A checkpoint lets the WAL start over in the same file: from then on it is allocated and overwritten. */
function growWal(database: SqliteDatabase): void {
  database.exec('CREATE TABLE filler (bytes BLOB)')
  database.exec('BEGIN')
  for (let index = 0; index < WAL_MIB; index++) database.exec('INSERT INTO filler VALUES (zeroblob(1048576))')
  database.exec('COMMIT')
  database.exec('DELETE FROM filler')
  database.exec('PRAGMA wal_checkpoint(RESTART)')
}

function single(insert: SqliteStatement): Pick<Log, 'commitSync'> {
  return { commitSync: (record) => void insert.run(record) }
}

function oneTransactionATurn(database: SqliteDatabase, insert: SqliteStatement): Pick<Log, 'commit'> {
  let records: Buffer[] = []
  let resolves: (() => void)[] = []
  function commit(): void {
    const done = resolves
    database.exec('BEGIN IMMEDIATE')
    for (const record of records) insert.run(record)
    database.exec('COMMIT')
    records = []
    resolves = []
    for (const resolve of done) resolve()
  }
  return {
    commit: (record) =>
      new Promise<void>((resolve) => {
        if (records.length === 0) setImmediate(commit)
        records.push(record)
        resolves.push(resolve)
      }),
  }
}

/** 1000 records a transaction, not synced; then one that is: it syncs the whole WAL, or what a checkpoint makes of it. */
function bulk(database: SqliteDatabase, insert: SqliteStatement): Pick<Log, 'appendAll' | 'sync'> {
  return {
    appendAll(record, count) {
      database.exec('PRAGMA synchronous=OFF')
      for (let done = 0; done < count; done += 1000) {
        database.exec('BEGIN')
        for (let index = done; index < Math.min(count, done + 1000); index++) insert.run(record)
        database.exec('COMMIT')
      }
    },
    sync() {
      database.exec('PRAGMA synchronous=FULL')
      database.exec('PRAGMA user_version=1')
    },
  }
}
