import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { breakLock, readLock } from '#src/journal/lock.js'
import { openJournal } from '#src/journal/open-journal.js'
import { nodeStorage } from '#src/storage/node-storage.js'
import { run } from '#src/storage/steps.js'
import type { Owner } from '#src/storage/storage.js'

import { feed, fsys, start, until } from '../support/command.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const at = (name: string): string => join(directory, name)
const noSignals = process.platform === 'win32' ? 'Windows has no signals to send' : false

/** A lock file, or a draft of one, of somebody like this process but for what is given. */
function writeLock(path: string, owner: Partial<Owner>): void {
  writeFileSync(path, `${JSON.stringify({ token: randomUUID(), ...nodeStorage.owners.self(), ...owner })}\n`)
}

const elsewhere = { host: 'another host' }
/** No process has a number so high (PID_MAX_LIMIT is 2^22 on Linux). */
const gone = { pid: 2 ** 22 + 1, thread: 2 ** 22 + 1, startTime: 1 }

interface Unlocked {
  readonly isRemoved: boolean
  readonly lock: { state: string; holder?: { pid: number; host: string } }
  readonly leftovers: string[]
}

test('unlock of a journal that is not locked is done already', async () => {
  const path = at('free')
  await feed('one\n', 'append', path)
  const { status, text, stderr } = await fsys('unlock', path)
  assert.deepEqual({ status, text, stderr }, { status: 0, text: `${path}: not locked\n`, stderr: '' })
})

test('unlock removes the lock of a process that was killed (D8)', { skip: noSignals }, async () => {
  const path = at('killed')
  const command = start('append', path)
  await until('it has the lock', () => existsSync(`${path}.lock`))
  command.kill('SIGKILL')
  await command.ended()
  const { status, text } = await fsys('unlock', '--json', path)
  assert.equal(status, 0)
  const { isRemoved, lock } = JSON.parse(text) as Unlocked
  assert.equal(isRemoved, true)
  assert.equal(lock.state, 'gone')
  assert.equal(lock.holder?.pid, command.child.pid)
  assert.equal(existsSync(`${path}.lock`), false)
})

test('unlock refuses a live holder, with --yes too; --force needs --yes (D8)', async () => {
  const path = at('alive')
  const journal = await openJournal(path)
  for (const options of [[], ['--yes']]) {
    const { status, stderr } = await fsys('unlock', ...options, path)
    assert.equal(status, 1)
    assert.match(stderr, new RegExp(`process ${process.pid} .* holds it, and is alive \\(ERR_FSYS_LOCKED\\)`, 'u'))
  }
  const unsure = await fsys('unlock', '--force', path)
  assert.equal(unsure.status, 64)
  assert.match(unsure.stderr, /the journal is destroyed/u)
  assert.ok(existsSync(`${path}.lock`))

  const forced = await fsys('unlock', '--force', '--yes', path)
  assert.equal(forced.status, 0)
  assert.match(forced.stderr, /the journal is destroyed/u)
  assert.match(forced.text, new RegExp(`removed a lock that was held by process ${process.pid} `, 'u'))
  assert.equal(existsSync(`${path}.lock`), false)

  // Whose lock was taken away does not take away that of the next.
  writeLock(`${path}.lock`, elsewhere)
  await journal.close()
  assert.ok(existsSync(`${path}.lock`))
})

test('unlock refuses a holder on another host, of which it cannot tell', async () => {
  const path = at('elsewhere')
  writeLock(`${path}.lock`, elsewhere)
  const refused = await fsys('unlock', path)
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /"another host" holds it, and may be alive/u)
  const { status, text } = await fsys('unlock', '--force', '--yes', '--json', path)
  assert.equal(status, 0)
  assert.equal((JSON.parse(text) as Unlocked).lock.state, 'unknown')
  assert.equal(existsSync(`${path}.lock`), false)
})

test('unlock removes a lock that says nothing with --yes only', async () => {
  for (const garbage of ['', 'garbage', '{"token":"x"}']) {
    const path = at(`garbage-${garbage.length}`)
    writeFileSync(`${path}.lock`, garbage)
    assert.equal((await feed('one\n', 'append', path)).status, 1)
    const refused = await fsys('unlock', path)
    assert.equal(refused.status, 1)
    assert.match(refused.stderr, /does not say who holds it; .* --yes removes it \(ERR_FSYS_LOCKED\)/u)
    assert.equal(readFileSync(`${path}.lock`, 'utf8'), garbage)
    assert.equal((await fsys('unlock', '--yes', path)).status, 0)
    assert.equal((await feed('one\n', 'append', path)).status, 0)
  }
})

test('unlock removes left-over drafts: of those who are gone, and with --yes those that say nothing', async () => {
  const path = at('drafts')
  const token = randomUUID()
  writeLock(`${path}.lock.${randomUUID()}.new`, gone)
  writeLock(`${path}.lock.${randomUUID()}`, gone)
  writeLock(`${path}.lock.${token}.new`, {})
  writeFileSync(`${path}.lock.${randomUUID()}.new`, '')
  writeFileSync(`${path}.lock.backup`, 'of somebody else')
  const first = JSON.parse((await fsys('unlock', '--json', path)).text) as Unlocked
  assert.equal(first.isRemoved, false)
  assert.equal(first.leftovers.length, 2)
  const second = JSON.parse((await fsys('unlock', '--json', '--yes', path)).text) as Unlocked
  assert.equal(second.leftovers.length, 1)
  const left = readdirSync(directory).filter((name) => name.startsWith('drafts'))
  assert.deepEqual(left.toSorted(), [`drafts.lock.${token}.new`, 'drafts.lock.backup'].toSorted())
})

test('a lock that has changed hands since it was looked at is left alone', async () => {
  const path = at('changed.lock')
  writeLock(path, gone)
  const seen = await run(readLock(nodeStorage, path))
  writeLock(path, elsewhere)
  assert.equal(await run(breakLock(nodeStorage, path, seen, 'cannot unlock')), false)
  assert.equal((await run(readLock(nodeStorage, path))).holder?.owner.host, elsewhere.host)
})

test(
  'of several who remove the same lock and take it at once, one at most holds it (D8)',
  { timeout: 60_000 },
  async () => {
    const path = at('race')
    for (let round = 0; round < 5; round++) {
      writeFileSync(`${path}.lock`, 'garbage')
      const commands = Array.from({ length: 4 }, () => fsys('unlock', '--yes', path))
      await until('one has removed it', () => !existsSync(`${path}.lock`))
      const journal = await openJournal(path)
      await Promise.all(commands)
      assert.equal((await run(readLock(nodeStorage, `${path}.lock`))).holder?.owner.pid, process.pid, `round ${round}`)
      await journal.close()
    }
  },
)

test('unlock in a directory that is not there fails', async () => {
  const { status, stderr } = await fsys('unlock', join(directory, 'no', 'journal'))
  assert.equal(status, 3)
  assert.match(stderr, /\(ERR_FSYS_NOT_FOUND\)/u)
})
