import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

import { type Journal, openReader } from 'fsys'

import { decodeMark, encodeMark } from '#src/journal/mark.js'
import { nodeStorage } from '#src/storage/node-storage.js'

import { type Model, must } from '../../sim/model.js'
import { openJournal, openJournalSync } from '../../support/open-journal.js'
import { contentBefore, type CrashState, type SurvivingFile } from './crash-state.js'
import type { Change, FileHistory } from './history.js'
import { payloadOf } from './notes.js'

/**
 * Puts a crash state on a real file system and checks what is left: D2, D3, that a reader sees the same, that the journal
 * opens and goes on (D6). Throws a Violation if not.
 */
export async function checkState(directory: string, state: CrashState, model: Model, crash: Crash): Promise<void> {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory)
  const names = new Map([...state].map(([path, surviving]) => [basename(path), surviving]))
  for (const [name, { bytes }] of names) writeFileSync(join(directory, name), bytes)
  const path = join(directory, JOURNAL)
  const journalFile = names.get(JOURNAL)
  const mark = names.get(`${JOURNAL}.mark`)
  if (journalFile !== undefined && mark !== undefined) writeFileSync(`${path}.mark`, rebound(mark, journalFile, path))
  checkSavedTails(names, crash.at)
  const end = model.survived(journalFile?.bytes, crash.kind)
  if (journalFile !== undefined) checkReader(path, end)
  await goOn(path, model, end, crash.direct)
}

export interface Crash {
  readonly kind: 'power-cut' | 'kill'
  /** In front of which entry of the log. */
  readonly at: number
  /** How the journal is opened again. */
  readonly direct: boolean
}

/** The journal's name, in every workload. */
export const JOURNAL = 'a.wal'

/**
 * A mark is bound to its journal's inode and time of birth, and the copy has others: the slots that were bound to the
 * original are bound to the copy, the others are left as they are.
 */
function rebound(mark: SurvivingFile, { file }: SurvivingFile, path: string): Buffer {
  const bytes = Buffer.from(mark.bytes)
  const { inode, birthTime } = nodeStorage.statSync(path) as { inode: bigint; birthTime: bigint }
  for (const start of [0, 4096]) {
    const slot = decodeMark(bytes.subarray(start))
    if (slot?.inode !== file.inode || slot.birthTime !== file.birthTime) continue
    encodeMark({ ...slot, inode, birthTime }).copy(bytes, start)
  }
  return bytes
}

/** D7: what an open cuts off has been saved by then; a saved tail gets its name only when it is whole, and durable. */
function checkSavedTails(names: ReadonlyMap<string, SurvivingFile>, at: number): void {
  const journal = names.get(JOURNAL)?.file
  for (const change of journal?.changes ?? []) {
    const { position, begun } = change
    must(
      begun >= at || !isLoss(journal as FileHistory, change) || names.has(`${JOURNAL}.corrupt-${position}`),
      'D7',
      () => `what was cut off at ${position} is not saved`,
    )
  }
  for (const [name, { bytes, file }] of names) {
    if (!/\.corrupt-\d+$/u.test(name)) continue
    const whole = Buffer.concat(file.changes.map(({ data }) => data ?? Buffer.alloc(0)))
    must(bytes.equals(whole), 'D7', () => `${name} holds ${bytes.length} bytes of ${whole.length}, or others`)
  }
}

/** A cut that takes more than zeros. */
function isLoss(file: FileHistory, change: Change): boolean {
  if (change.data !== undefined) return false
  const rest = (): Buffer => contentBefore(file, change).subarray(change.position)
  const known = losses.get(change) ?? rest().some((byte) => byte !== 0)
  losses.set(change, known)
  return known
}

const losses = new WeakMap<Change, boolean>()

function checkReader(path: string, end: number): void {
  const reader = openReader(path)
  try {
    reader.scan(() => {})
    must(
      reader.position === end,
      'D2',
      () => `a reader comes to ${reader.position}, but the valid records end at ${end}`,
    )
  } finally {
    reader.close()
  }
}

/** D2, D3, D6: after the death of its process, or a failure, the journal holds what it must, and goes on. */
export async function goOnAfterDeath(path: string, model: Model, direct = false): Promise<void> {
  const bytes = existsSync(path) ? readFileSync(path) : undefined
  await goOn(path, model, model.survived(bytes, 'kill'), direct)
}

/** D6: the journal opens where its records end, and takes more of them. */
async function goOn(path: string, model: Model, end: number, direct: boolean): Promise<void> {
  const isSync = end % 2 === 0
  const journal = isSync ? openJournalSync(path, { direct }) : await openJournal(path, { direct })
  model.opened(journal.nextLsn, end)
  await appendMore(journal, model, isSync)
  const reader = openReader(path)
  try {
    model.reads([...reader].map(({ payload }) => payload))
  } finally {
    reader.close()
  }
}

async function appendMore(journal: Journal, model: Model, isSync: boolean): Promise<void> {
  try {
    for (const length of [0, 100, 5000]) {
      const payload = payloadOf(length, length)
      const lsn = model.appending(payload)
      const got = isSync ? journal.append(payload) : await journal.commit(payload)
      must(got === lsn, 'D3', () => `a record ends at ${got} instead of ${lsn}`)
    }
  } finally {
    if (isSync) journal.closeSync()
    else await journal.close()
  }
}
