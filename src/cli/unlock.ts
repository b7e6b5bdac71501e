import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { FsysError, errnoOf, storageFailure } from '../errors.js'
import { breakLock, describeHolder, findLeftovers, readLock } from '../journal/lock.js'
import { resolve } from '../journal/open.js'
import { nodeStorage } from '../storage/node-storage.js'
import { run } from '../storage/steps.js'
import { type Command, type Io, defineCommand } from './command.js'
import { type LockState, describeLock, inspectLock, lockFacts } from './lock-state.js'
import { STATUS } from './status.js'
import { count, plain, quote } from './text.js'
import { UsageError } from './usage.js'

const help = `Usage: fsys unlock [options] <journal>

Shows who holds the lock of a journal, and removes it where nobody can need it any more: its holder is certainly gone. That
is seldom necessary, because the next open takes such a lock over by itself. It also removes left-over drafts of the lock.

A lock file that does not say who made it is removed with --yes only. A holder that is alive, or of which this process cannot
tell (it runs on another host, or in another container), keeps its lock, unless --force --yes says otherwise.

Two processes that write to one journal destroy it: each writes over the records of the other, confirmed or not. Use --force
only when it is certain that the holder is gone, for instance because its host is.

Options:
  --yes       remove an unreadable lock file, and unreadable drafts
  --force     with --yes: remove the lock of a holder that is or may be alive
  --json      one JSON object
  -h, --help  print this

Exit status:
  0   nobody holds the lock (any more)
  1   refused, or it could not be done
  3   its directory does not exist
  64  wrong usage, --force without --yes among it
`

export const unlock: Command = defineCommand({
  help,
  statusOtherwise: STATUS.failed,
  options: { yes: { type: 'boolean' }, force: { type: 'boolean' }, json: { type: 'boolean' } },
  async run(journal, { yes = false, force = false, json = false }, io) {
    const attempt = `cannot unlock journal ${quote(journal)}`
    try {
      const path = await run(resolve(nodeStorage, journal, attempt))
      const lock = await look(path)
      if (force && !yes) {
        io.note(WARNING)
        throw new UsageError(`nothing was done: ${describeLock(lock)}; --force needs --yes`)
      }
      const refused = refusal(lock, { yes, force }, attempt)
      if (refused !== undefined) throw refused
      if (lock.state === 'alive' || lock.state === 'unknown') io.note(WARNING)
      await remove(lock, attempt)
      report(journal, lock, await removeLeftovers(lock.path, yes), json, io)
      return STATUS.done
    } catch (error) {
      throw storageFailure(error, attempt, { path: journal })
    }
  },
})

const WARNING =
  'if the holder still writes, its records and those of the next writer overwrite each other, and the journal is destroyed'

/** A lock that is unreadable can be one that is being made, on a file system without hard links. */
const SECOND_LOOK_MS = 250

async function look(journal: string): Promise<LockState> {
  const lock = await inspectLock(journal)
  if (lock.state !== 'unreadable') return lock
  await delay(SECOND_LOOK_MS)
  return await inspectLock(journal)
}

function refusal(
  lock: LockState,
  { yes, force }: { yes: boolean; force: boolean },
  attempt: string,
): FsysError | undefined {
  const { path, state, reading } = lock
  const facts = { path, holder: reading.holder?.owner }
  if (state === 'unreadable' && !yes) {
    const advice = 'if it is certain that nobody writes to the journal, --yes removes it'
    return new FsysError('ERR_FSYS_LOCKED', `${attempt}: ${quote(path)} does not say who holds it; ${advice}`, facts)
  }
  if ((state === 'alive' || state === 'unknown') && !force) {
    const what = state === 'alive' ? 'is alive' : 'may be alive: this process cannot tell'
    return new FsysError(
      'ERR_FSYS_LOCKED',
      `${attempt}: ${describeHolder(reading.holder)} holds it, and ${what}`,
      facts,
    )
  }
  return undefined
}

async function remove({ path, state, reading }: LockState, attempt: string): Promise<void> {
  if (state === 'free') return
  if (await run(breakLock(nodeStorage, path, reading, attempt))) return
  throw new FsysError('ERR_FSYS_LOCKED', `${attempt}: its lock has changed hands meanwhile`, { path })
}

/** A token, or what stands for one, and what a draft has behind it. */
const LEFTOVER = /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|unreadable)(?:\.new)?$/u

/** Removes what names a holder that is gone; with `all` also what says nothing but is called like a draft. */
async function removeLeftovers(lock: string, all: boolean): Promise<string[]> {
  const leftovers = new Set(await run(findLeftovers(nodeStorage, lock)))
  for (const path of all ? await findUnreadable(lock) : []) leftovers.add(path)
  for (const path of leftovers) {
    // Somebody may have taken it over since it was found.
    const { holder } = await run(readLock(nodeStorage, path))
    if (holder !== undefined && !nodeStorage.owners.isGone(holder.owner)) continue
    await nodeStorage.unlink(path).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error
    })
  }
  return [...leftovers].toSorted()
}

/** Drafts that say nothing, and still do after a while: one that is just being made is empty for a moment. */
async function findUnreadable(lock: string): Promise<string[]> {
  const prefix = `${basename(lock)}.`
  const names = await nodeStorage.list(dirname(lock))
  const drafts = names.filter((name) => name.startsWith(prefix) && LEFTOVER.test(name.slice(prefix.length)))
  const paths = await unreadable(drafts.map((name) => join(dirname(lock), name)))
  if (paths.length === 0) return []
  await delay(SECOND_LOOK_MS)
  return await unreadable(paths)
}

async function unreadable(paths: readonly string[]): Promise<string[]> {
  const readings = await Promise.all(paths.map((path) => run(readLock(nodeStorage, path))))
  return paths.filter((_, index) => readings[index]?.isThere && readings[index]?.holder === undefined)
}

function report(name: string, lock: LockState, leftovers: readonly string[], isJson: boolean, { output }: Io): void {
  const isRemoved = lock.state !== 'free'
  if (isJson) {
    output.writeLine(JSON.stringify({ path: lock.path, isRemoved, lock: lockFacts(lock), leftovers }))
    return
  }
  output.writeLine(`${plain(name)}: ${isRemoved ? `removed a lock that was ${describeLock(lock)}` : 'not locked'}`)
  if (leftovers.length > 0) output.writeLine(`  and ${count(leftovers.length, 'left-over draft')}`)
}
