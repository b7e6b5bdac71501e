import type { Contestant } from '../contestant.js'
import { type SqliteDatabase, sqliteContestant } from '../sqlite.js'

// In Node.js 22.5 and newer: the types are those of an older one.
const builtIn: string = 'node:sqlite'
const { DatabaseSync } = (await import(builtIn)) as {
  DatabaseSync: new (path: string) => SqliteDatabase
}

export const contestant: Contestant = sqliteContestant((path) => new DatabaseSync(path))
