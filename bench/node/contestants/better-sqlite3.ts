import type { Contestant } from '../contestant.js'
import { loadPeer } from '../peer.js'
import { type SqliteDatabase, sqliteContestant } from '../sqlite.js'

export const contestant: Contestant = sqliteContestant((path) => {
  const Database = loadPeer<new (path: string) => SqliteDatabase>('better-sqlite3')
  return new Database(path)
})
