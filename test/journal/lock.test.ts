import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { after, before as beforeAll, suite, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

import type { FsysError, Journal, JournalOptions } from 'fsys'

import { owners } from '#src/platform/owners.js'
import type { Storage } from '#src/storage/storage.js'

import type { Answer, Command } from '../fixtures/agent.js'
import { type Child, startChild, Thread } from '../support/children.js'
import { interposed, OpenFiles, systemError } from '../support/interposed.js'
import { openJournal, openJournalSync } from '../support/open-journal.js'
import { seededRandom } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary.js'

// Far more than they take: on a busy disk, a sync may take half a second, and an open makes six.
const quick = { timeout: 180_000 }
const long = { timeout: 600_000 }
const linux = {
  ...quick,
  skip: process.platform === 'linux' ? false : 'needs the process file system of Linux to tell threads and boots apart',
}

suite('within one process', () => {
  test('D8: a second open in the same process is refused, and the first goes on', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const journal = await openHere(context, path)
    const refusal = await refused(openJournal(path))
    assert.match(refusal.message, new RegExp(`process ${process.pid} on host .*fsys unlock`, 'u'))
    assert.equal((refusal.holder as { pid: number }).pid, process.pid)
    assert.throws(() => openJournalSync(path), { code: 'ERR_FSYS_LOCKED' })
    assert.equal(await journal.commit('still here'), 22)
    await journal.close()
    assert.deepEqual(readdirSync(join(path, '..')).toSorted(), ['a.wal', 'a.wal.mark'])
  })

  test('D8: other ways to name a journal lead to the same lock', quick, async (context) => {
    const directory = temporaryDirectory(context)
    const path = join(directory, 'a.wal')
    await openHere(context, path)
    symlinkSync(path, join(directory, 'link.wal'))
    symlinkSync(directory, join(directory, 'self'), 'junction')
    mkdirSync(join(directory, 'below'))
    const names = [
      join(directory, 'link.wal'),
      join(directory, 'self', 'a.wal'),
      join(directory, 'self', 'self', 'link.wal'),
      `${directory}/below/../a.wal`,
      relative(process.cwd(), path),
      pathToFileURL(path),
    ]
    const before = readdirSync(directory)
    for (const name of names) {
      await refused(openJournal(name))
      assert.throws(() => openJournalSync(name), { code: 'ERR_FSYS_LOCKED' })
    }
    assert.deepEqual(readdirSync(directory), before)
  })

  test('D8: a journal that was opened through a link is locked by its real name', quick, async (context) => {
    const directory = temporaryDirectory(context)
    const path = join(directory, 'a.wal')
    await (await openJournal(path)).close()
    symlinkSync(path, join(directory, 'link.wal'))
    const journal = await openHere(context, join(directory, 'link.wal'))
    assert.equal(journal.info.path, path)
    assert.ok(existsSync(`${path}.lock`))
    await refused(openJournal(path))
  })

  test('D8: a hard link to an open journal is refused, and its lock does not stay', quick, async (context) => {
    const directory = temporaryDirectory(context)
    const path = join(directory, 'a.wal')
    const journal = await openHere(context, path)
    const other = join(directory, 'hard.wal')
    linkSync(path, other)
    const before = readdirSync(directory)
    const refusal = await refused(openJournal(other))
    assert.match(refusal.message, /a\.wal/u)
    assert.throws(() => openJournalSync(other), { code: 'ERR_FSYS_LOCKED' })
    assert.deepEqual(readdirSync(directory), before)
    await journal.close()
    const second = await openHere(context, other)
    await refused(openJournal(path))
    await second.close()
  })

  test('D8: a hard link to an open journal is refused to another thread', quick, async (context) => {
    const directory = temporaryDirectory(context)
    const path = join(directory, 'a.wal')
    await openHere(context, path)
    linkSync(path, join(directory, 'hard.wal'))
    const thread = new Thread(context, 'agent')
    const answer: Answer = await thread.ask({ do: 'open', path: join(directory, 'hard.wal') } satisfies Command)
    assert.equal(answer.code, 'ERR_FSYS_LOCKED')
  })

  test('D8: of many opens at once in one thread, one succeeds', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    for (let round = 0; round < 5; round++) {
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => openJournal(path)))
      const journals = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      for (const result of results) if (result.status === 'rejected') assertLocked(result.reason)
      assert.equal(journals.length, 1, `round ${round}`)
      await journals[0]?.close()
      assert.deepEqual(readdirSync(join(path, '..')).toSorted(), ['a.wal', 'a.wal.mark'])
    }
  })

  test('D8: while this thread writes, a worker thread is refused', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const journal = await openHere(context, path)
    const thread = new Thread(context, 'agent')
    const refusal = await thread.ask<Answer>({ do: 'open', path } satisfies Command)
    assert.equal(refusal.code, 'ERR_FSYS_LOCKED')
    assert.equal(refusal.holderPid, process.pid)
    await journal.close()
    assert.equal((await thread.ask<Answer>({ do: 'open', path } satisfies Command)).isDone, true)
    await refused(openJournal(path))
    await thread.ask({ do: 'close' } satisfies Command)
    await openHere(context, path)
  })

  test('D8: a worker thread that was terminated is followed', linux, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const thread = new Thread(context, 'agent')
    await thread.ask({ do: 'open', path } satisfies Command)
    await thread.ask({ do: 'commit', record: 'kept' } satisfies Command)
    const refusal = await refused(openJournal(path))
    assert.match(refusal.message, new RegExp(`process ${process.pid} \\(thread \\d+\\)`, 'u'))
    await thread.worker.terminate()
    const journal = await openHere(context, path)
    assert.equal(journal.durableLsn, 16)
  })

  test('D8: a worker thread that ends by process.exit gives the lock back', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const thread = new Thread(context, 'agent')
    await thread.ask({ do: 'open', path } satisfies Command)
    thread.worker.postMessage({ do: 'exit' } satisfies Command)
    await once(thread.worker, 'exit')
    assert.equal(existsSync(`${path}.lock`), false)
    await openHere(context, path)
  })
})

suite('between processes', () => {
  test('D8: another process is refused while its holder lives, even one that is stopped', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const child = startChild(context, 'agent')
    await child.ask({ do: 'open', path } satisfies Command)
    assert.match((await refused(openJournal(path))).message, new RegExp(`process ${child.pid} on host`, 'u'))
    child.process.kill('SIGSTOP')
    await refused(openJournal(path))
    child.process.kill('SIGCONT')
    assert.equal((await child.ask<Answer>({ do: 'commit' } satisfies Command)).lsn, 13)
    await child.ask({ do: 'close' } satisfies Command)
    const journal = await openHere(context, path)
    assert.equal(journal.durableLsn, 13)
    assert.equal((await child.ask<Answer>({ do: 'open', path } satisfies Command)).code, 'ERR_FSYS_LOCKED')
  })

  test('D8 D2: a holder that was killed is followed, and what it confirmed is there', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const child = startChild(context, 'agent')
    await child.ask({ do: 'open', path } satisfies Command)
    const { lsn } = await child.ask<Answer>({ do: 'commit', record: 'confirmed' } satisfies Command)
    await child.ask({ do: 'append', record: 'only staged' } satisfies Command)
    await child.kill('SIGKILL')
    assert.ok(existsSync(`${path}.lock`))
    const journal = await openHere(context, path)
    assert.equal(journal.durableLsn, lsn)
    await journal.close()
    assert.deepEqual(readdirSync(join(path, '..')).toSorted(), ['a.wal', 'a.wal.mark'])
  })
})

suite('who holds a lock', () => {
  test('D8: a process id that was reused is not its holder', linux, async (context) => {
    const path = await heldByOther(context, (holder) => ({ ...holder, startTime: Number(holder['startTime']) - 1 }))
    await openHere(context, path)
  })

  test('D8: a thread that is not there any more is not its holder', linux, async (context) => {
    const path = await heldByOther(context, (holder) => ({ ...holder, thread: 4_000_000 }))
    await openHere(context, path)
  })

  test('D8: a process of an earlier boot of the same host is gone', linux, async (context) => {
    const path = await heldByOther(context, (holder) => ({ ...holder, boot: '00000000-1111-2222-3333-444444444444' }))
    await openHere(context, path)
  })

  test('D8: a living process is its holder', quick, async (context) => {
    await staysRefused(await heldByOther(context, (holder) => holder))
  })

  test('D8: nobody can tell about another pid namespace', quick, async (context) => {
    await staysRefused(
      await heldByOther(context, (holder) => ({ ...holder, pidNamespace: 'pid:[1]', startTime: 1, pid: 4_000_000 })),
    )
  })

  test('D8: nobody can tell about another pid namespace, a real one', linux, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const through = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
    const child = startChild(context, 'agent', [], { through })
    const started = await Promise.race([child.ask<Answer>({ do: 'open', path } satisfies Command), child.ended])
    if (!('isDone' in started)) {
      context.skip(`there are no other namespaces here: ${started.stderr.trim()}`)
      return
    }
    assert.equal(started.pid, 1, 'it is the first process of its namespace')
    assert.match((await staysRefused(path)).message, /process 1 on host/u)
    await child.kill()
    await staysRefused(path)
    unlinkSync(`${path}.lock`)
    // And the other way round: from in there, this process cannot be seen.
    const journal = await openHere(context, path)
    const other = startChild(context, 'agent', [], { through })
    const { code, holderPid }: Answer = await other.ask({ do: 'open', path } satisfies Command)
    assert.deepEqual([code, holderPid], ['ERR_FSYS_LOCKED', process.pid])
    await journal.close()
    assert.equal((await other.ask<Answer>({ do: 'open', path } satisfies Command)).isDone, true)
  })

  test('D8: nobody can tell about another host', quick, async (context) => {
    const path = await heldByOther(context, (holder) => ({ ...holder, host: 'elsewhere', boot: 'another', pid: 77 }))
    const refusal = await staysRefused(path)
    assert.match(refusal.message, /process 77 .*on host "elsewhere"/u)
  })

  const strangeLocks: Readonly<Record<string, string>> = {
    'that is empty': '',
    'of zeros': '\0'.repeat(200),
    'of garbage': 'garbage\u0000\u00ff{',
    'of other JSON': '{"pid":1}',
    'of a JSON list': '[1,2]',
    'of JSON null': 'null',
    'whose process id is text': '{"token":"0123456789abcdef","host":"a","boot":"b","pidNamespace":"c","pid":"1"}',
    'that is cut off': '{"token":"0123456789abcdef","host":"a","boot":"b","pidName',
    'of a megabyte': 'x'.repeat(2 ** 20),
  }
  for (const [what, text] of Object.entries(strangeLocks)) {
    test(`D8: a lock file ${what} is refused, with its holder unknown`, quick, async (context) => {
      const path = await heldByOther(context, () => text)
      const refusal = await staysRefused(path)
      assert.equal(refusal.holder, undefined)
    })
  }

  test('D8 D10: a directory in the place of the lock is refused', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    mkdirSync(`${path}.lock`)
    await refused(openJournal(path))
  })

  test('D8 D10: a dangling link in the place of the lock is refused, and does not hang', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    symlinkSync('nowhere', `${path}.lock`)
    await refused(openJournal(path))
    assert.deepEqual(readdirSync(join(path, '..')), ['a.wal.lock'])
  })

  test('D8: `fsys unlock`, which removes the file, lets the next one in', quick, async (context) => {
    const path = await heldByOther(context, () => 'garbage')
    unlinkSync(`${path}.lock`)
    await openHere(context, path)
  })
})

suite('giving a lock back', () => {
  test('D8: close, closeSync and disposal give it back', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    for (const close of [
      (journal: Journal): unknown => journal.close(),
      (journal: Journal): unknown => journal.closeSync(),
      (journal: Journal): unknown => journal[Symbol.asyncDispose](),
    ]) {
      const journal = await openJournal(path)
      assert.ok(existsSync(`${path}.lock`))
      await close(journal)
      assert.equal(existsSync(`${path}.lock`), false)
    }
  })

  test('D8: closeSync in the middle of a sync keeps it until that sync has returned', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    let letGo = (): void => {}
    const storage = interposed(({ name, isSync }) => {
      if (name === 'file.dataSync' && !isSync) return new Promise<void>((resolve) => (letGo = resolve))
      return undefined
    })
    const journal = await openJournal(path, { storage })
    const committed = journal.commit('x')
    await sleep(5)
    journal.closeSync()
    await refused(openJournal(path))
    letGo()
    assert.equal(await committed, 13)
    await journal.close()
    assert.equal(existsSync(`${path}.lock`), false)
  })

  // Seen on ext4 that had become read-only, and on XFS that was shut down: when they were well again, the process could not
  // open its journal any more, because its own old lock kept it out for as long as it lived.
  test(
    'D8 D10: a lock that could not be removed keeps out others, but not the thread that has let go of it',
    quick,
    async (context) => {
      const path = join(temporaryDirectory(context), 'a.wal')
      let isReadOnly = false
      const storage = interposed(({ name }) => {
        if (isReadOnly && name !== 'file.close') throw systemError('EROFS', -30)
      })
      const journal = await openJournal(path, { storage })
      isReadOnly = true
      await assert.rejects(journal.commit('x'), { code: 'ERR_FSYS_READ_ONLY' })
      await assert.rejects(journal.close(), { code: 'ERR_FSYS_POISONED' })
      isReadOnly = false
      assert.ok(existsSync(`${path}.lock`))
      const agent = startChild(context, 'agent')
      assert.equal((await agent.ask<Answer>({ do: 'open', path } satisfies Command)).code, 'ERR_FSYS_LOCKED')
      const next = await openJournal(path, { storage })
      await assert.rejects(openJournal(path, { storage }), { code: 'ERR_FSYS_LOCKED' })
      await next.commit('y')
      await next.close()
      assert.deepEqual(readdirSync(dirname(path)).toSorted(), ['a.wal', 'a.wal.mark'])
      assert.equal((await agent.ask<Answer>({ do: 'open', path } satisfies Command)).isDone, true)
    },
  )

  test('D8: the lock goes last, when every file is closed that could still write', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    for (const close of [(journal: Journal) => journal.close(), async (journal: Journal) => journal.closeSync()]) {
      const files = new OpenFiles()
      const openAtUnlink: number[] = []
      const storage = interposed(({ name, path: of }) => {
        if (name === 'unlink' && of === `${path}.lock`) openAtUnlink.push(files.open)
      }, files.count)
      const journal = await openJournal(path, { storage })
      await journal.commit('x')
      assert.ok(files.open > 0)
      await close(journal)
      assert.deepEqual(openAtUnlink, [0])
    }
  })

  test('D8: an open that fails gives it back', quick, async (context) => {
    const directory = temporaryDirectory(context)
    const path = join(directory, 'a.wal')
    writeFileSync(path, 'this is no journal')
    for (let round = 0; round < 2; round++) {
      await assert.rejects(openJournal(path), { code: 'ERR_FSYS_NOT_A_JOURNAL' })
      assert.throws(() => openJournalSync(path), { code: 'ERR_FSYS_NOT_A_JOURNAL' })
      assert.deepEqual(readdirSync(directory), ['a.wal'])
    }
    writeFileSync(path, '')
    await openHere(context, path)
  })

  test("D8: a holder never removes somebody else's lock", quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const journal = await openJournal(path)
    const theirs = readFileSync(`${path}.lock`, 'utf8').replace(/"token":"./u, '"token":"z')
    rmSync(`${path}.lock`)
    writeFileSync(`${path}.lock`, theirs)
    await journal.close()
    assert.equal(readFileSync(`${path}.lock`, 'utf8'), theirs)
  })

  test(
    'D8: whatever call fails while it is opened, a journal is left free, with nothing beside it',
    quick,
    async (context) => {
      const directory = temporaryDirectory(context)
      const path = join(directory, 'a.wal')
      const gone = await goneHolder(context)
      for (const isSync of [true, false]) {
        for (let failing = 1, made = failing; failing <= made; failing++) {
          writeFileSync(`${path}.lock`, gone)
          made = 0
          const files = new OpenFiles()
          const storage = interposed(({ name }) => {
            // What cleans up must work: else nobody can tell what is left.
            if (++made === failing && name !== 'file.close' && name !== 'unlink') throw systemError('EIO')
          }, files.count)
          const journal = await (
            isSync ? attempt(() => openJournalSync(path, { storage })) : openJournal(path, { storage })
          ).catch((error: FsysError) => assert.equal(error.code, 'ERR_FSYS_IO'))
          await journal?.close()
          assert.equal(files.open, 0, `descriptors after call ${failing}`)
          // What could not be swept may stay, but no draft and no right of the one who failed.
          const left = readdirSync(directory).filter((name) => !['a.wal', 'a.wal.mark', 'a.wal.lock'].includes(name))
          assert.deepEqual(left, [], `call ${failing}`)
          await (await openJournal(path)).close()
          for (const name of readdirSync(directory)) unlinkSync(join(directory, name))
        }
      }
    },
  )
})

suite('taking over', () => {
  test('D8: what dead takers have left is swept, and nothing else', quick, async (context) => {
    const directory = temporaryDirectory(context)
    const path = join(directory, 'a.wal')
    const gone = await goneHolder(context)
    const { token } = JSON.parse(gone) as { token: string }
    const mine = { ...(JSON.parse(gone) as object), ...owners.self() }
    const leftovers = {
      [`a.wal.lock.${token}`]: gone.replace(token, '11111111-aaaa-bbbb-cccc-000000000000'),
      'a.wal.lock.11111111-aaaa-bbbb-cccc-000000000000.new': gone,
    }
    const others = {
      'a.wal.lock.22222222-aaaa-bbbb-cccc-000000000000.new': JSON.stringify(mine),
      'a.wal.lock.33333333-aaaa-bbbb-cccc-000000000000.new': '',
      'a.wal.lock.txt': 'mine',
      'b.wal.lock': gone,
      'b.wal.lock.44444444-aaaa-bbbb-cccc-000000000000.new': gone,
    }
    for (const [name, text] of Object.entries({ ...leftovers, ...others })) writeFileSync(join(directory, name), text)
    writeFileSync(`${path}.lock`, gone)
    const journal = await openHere(context, path)
    await journal.close()
    assert.deepEqual(readdirSync(directory).toSorted(), [...Object.keys(others), 'a.wal', 'a.wal.mark'].toSorted())
  })

  test('D8: a chain of takers, each dead in the middle of it, is followed', quick, async (context) => {
    const directory = temporaryDirectory(context)
    const path = join(directory, 'a.wal')
    const gone = await goneHolder(context)
    const at = (number: number): string => `1111111${number}-aaaa-bbbb-cccc-000000000000`
    const { token } = JSON.parse(gone) as { token: string }
    writeFileSync(`${path}.lock`, gone)
    writeFileSync(`${path}.lock.${token}`, gone.replace(token, at(1)))
    for (let number = 1; number < 5; number++) {
      writeFileSync(`${path}.lock.${at(number)}`, gone.replace(token, at(number + 1)))
    }
    const journal = await openHere(context, path)
    assert.deepEqual(readdirSync(directory).toSorted(), ['a.wal', 'a.wal.lock', 'a.wal.mark'])
    await journal.close()
  })

  test('D8: a taker that lives is not overtaken, even if it has stopped', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const gone = await goneHolder(context)
    const { token } = JSON.parse(gone) as { token: string }
    writeFileSync(`${path}.lock`, gone)
    writeFileSync(`${path}.lock.${token}`, JSON.stringify({ token: '11111111-aaaa-bbbb', ...owners.self() }))
    const refusal = await refused(openJournal(path))
    assert.match(refusal.message, new RegExp(`process ${process.pid} `, 'u'))
  })

  test(
    'D8: who comes to a dead holder second looks again, and finds the one who came first',
    quick,
    async (context) => {
      const path = join(temporaryDirectory(context), 'a.wal')
      const gone = await goneHolder(context)
      const { token } = JSON.parse(gone) as { token: string }
      writeFileSync(`${path}.lock`, gone)
      let first: Journal | undefined
      // Between the look at the dead holder's lock and the right to succeed it, another takes both, and lets go of the right.
      const storage = interposed(({ name, values }) => {
        if (name === 'link' && values[1] === `${path}.lock.${token}`) first ??= openJournalSync(path)
      })
      const refusal = await refused(openJournal(path, { storage }))
      assert.match(refusal.message, new RegExp(`process ${process.pid} `, 'u'))
      assert.ok(first !== undefined, 'nobody came first')
      await first.commit('still here')
      await first.close()
    },
  )

  const withoutLinks = (): Storage =>
    interposed(({ name }) => {
      if (name === 'link') throw systemError('EPERM', -1)
    })

  test('D8: a file system without hard links locks as well', quick, async (context) => {
    const directory = temporaryDirectory(context)
    const path = join(directory, 'a.wal')
    const storage = withoutLinks()
    const journal = await openHere(context, path, { storage })
    await refused(openJournal(path, { storage: withoutLinks() }))
    await refused(openJournal(path))
    await journal.close()
    assert.deepEqual(readdirSync(directory).toSorted(), ['a.wal', 'a.wal.mark'])
    writeFileSync(`${path}.lock`, await goneHolder(context))
    await openHere(context, path, { storage })
    assert.deepEqual(readdirSync(directory).toSorted(), ['a.wal', 'a.wal.lock', 'a.wal.mark'])
  })

  test('D8: without hard links, of many opens at once one succeeds', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    for (let round = 0; round < 5; round++) {
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, () => openJournal(path, { storage: withoutLinks() })),
      )
      const journals = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      for (const result of results) if (result.status === 'rejected') assertLocked(result.reason)
      assert.equal(journals.length, 1, `round ${round}`)
      await journals[0]?.close()
    }
  })
})

suite('races', () => {
  const racers: Child[] = []
  const endings: (() => Promise<unknown>)[] = []
  beforeAll(() => {
    for (let racer = 0; racer < RACERS; racer++)
      racers.push(startChild({ after: (end) => endings.push(end as () => Promise<unknown>) }, 'agent'))
  })
  after(() => Promise.all(endings.map((end) => end())))

  /** All at once; returns the one that won. Everybody else must have been refused. */
  async function race(path: string, command: Partial<Command> = {}): Promise<Child> {
    const at = Date.now() + 5
    const answers = await Promise.all(
      racers.map((racer, index) => racer.ask<Answer>({ do: 'open', path, at, isSync: index % 2 === 0, ...command })),
    )
    const winners = racers.filter((_, index) => answers[index]?.isDone)
    const codes = answers
      .filter(({ isDone }) => !isDone)
      .map(({ code, message }) => (code === 'ERR_FSYS_LOCKED' ? code : message))
    assert.deepEqual(
      codes,
      Array.from({ length: RACERS - 1 }, () => 'ERR_FSYS_LOCKED'),
    )
    assert.equal(winners.length, 1)
    const winner = winners[0] as Child
    assert.equal((await winner.ask<Answer>({ do: 'commit' } satisfies Command)).isDone, true)
    assertLocked(await refused(openJournal(path)))
    return winner
  }

  async function finish(winner: Child, path: string): Promise<void> {
    assert.equal((await winner.ask<Answer>({ do: 'close' } satisfies Command)).isDone, true)
    assert.equal(existsSync(`${path}.lock`), false)
  }

  test('D8: of eight processes that race for no lock, exactly one wins', long, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    for (let round = 0; round < ROUNDS; round++) await finish(await race(path), path)
    assert.deepEqual(readdirSync(join(path, '..')).toSorted(), ['a.wal', 'a.wal.mark'])
  })

  test('D8: of eight processes that race for a stale lock, exactly one wins', long, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const gone = await goneHolder(context)
    for (let round = 0; round < ROUNDS; round++) {
      writeFileSync(`${path}.lock`, gone)
      await finish(await race(path), path)
    }
    assert.deepEqual(readdirSync(join(path, '..')).toSorted(), ['a.wal', 'a.wal.mark'])
  })

  test('D8: without hard links too, exactly one wins', long, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const gone = await goneHolder(context)
    for (let round = 0; round < ROUNDS; round++) {
      if (round % 2 === 0) writeFileSync(`${path}.lock`, gone)
      await finish(await race(path, { hasNoLinks: true }), path)
    }
  })

  test('D8: a taker may die at any call of a takeover: of the next eight, exactly one wins', long, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const gone = await goneHolder(context)
    // At every second call, the other ones another time.
    const first = 1 + Math.floor(Math.random() * 2)
    for (let dieAt = first; ; dieAt += 2) {
      writeFileSync(`${path}.lock`, gone)
      const taker = startChild(context, 'agent')
      taker.say({ do: 'open', path, dieAt, isSync: (dieAt - first) % 4 === 0 } satisfies Command)
      const survived = await Promise.race([taker.hear<Answer>(), taker.ended])
      if ('isDone' in survived) {
        assert.equal(survived.isDone, true)
        assert.ok(dieAt > 20, 'an open makes more calls than that')
        break
      }
      assert.equal(survived.signal, 'SIGKILL')
      await finish(await race(path), path)
      // A draft that its taker had no time to write says nothing of whose it is, and stays.
      const left = readdirSync(join(path, '..')).filter((name) => !['a.wal', 'a.wal.mark'].includes(name))
      for (const name of left) {
        assert.match(name, /^a\.wal\.(lock\.[-0-9a-f]+\.new|mark\.new)$/u, `after call ${dieAt}`)
        unlinkSync(join(path, '..', name))
      }
    }
  })

  test(
    'D8: takers may die at any time, several of them: of the next eight, exactly one wins',
    long,
    async (context) => {
      const path = join(temporaryDirectory(context), 'a.wal')
      const seed = Number(process.env['FSYS_TEST_SEED'] ?? Date.now() % 2 ** 32)
      context.diagnostic(`FSYS_TEST_SEED=${seed} repeats the kills, as far as times can be repeated`)
      const random = seededRandom(seed)
      const gone = await goneHolder(context)
      for (let round = 0; round < KILLING_ROUNDS; round++) {
        writeFileSync(`${path}.lock`, gone)
        const takers = Array.from({ length: 8 }, () => startChild(context, 'agent'))
        await Promise.all(takers.map((taker) => taker.ask({ do: 'close' } satisfies Command)))
        const at = Date.now() + 5
        for (const taker of takers) taker.say({ do: 'open', path, at, isSync: random() < 0.5 } satisfies Command)
        await sleep(Math.max(0, at - Date.now()))
        await Promise.all(
          takers.map(async (taker) => {
            await sleep(random() * 20)
            await taker.kill()
          }),
        )
        await finish(await race(path), path)
      }
    },
  )
})

const RACERS = 8
const ROUNDS = Number(process.env['FSYS_TEST_ROUNDS'] ?? 20)
const KILLING_ROUNDS = Number(process.env['FSYS_TEST_ROUNDS'] ?? 2)

function attempt<Value>(work: () => Value): Promise<Value> {
  return new Promise((resolve) => {
    resolve(work())
  })
}

async function openHere(context: TestContext, path: string | URL, options?: JournalOptions): Promise<Journal> {
  const journal = await openJournal(path, options)
  context.after(() => journal.close())
  return journal
}

async function refused(opening: Promise<Journal>): Promise<FsysError> {
  const journal = await opening.catch((error: unknown) => assertLocked(error))
  if ('code' in journal) return journal
  await journal.close()
  assert.fail('a second writer was let in')
}

function assertLocked(error: unknown): FsysError {
  assert.equal((error as FsysError).code, 'ERR_FSYS_LOCKED', String(error))
  return error as FsysError
}

/** Refused in both ways, with nothing changed, and told what to do. */
async function staysRefused(path: string): Promise<FsysError> {
  const directory = join(path, '..')
  const before = [readdirSync(directory), readFileSync(`${path}.lock`), readFileSync(path)]
  assert.throws(() => openJournalSync(path), { code: 'ERR_FSYS_LOCKED' })
  const refusal = await refused(openJournal(path))
  assert.match(refusal.message, /fsys unlock/u)
  assert.deepEqual([readdirSync(directory), readFileSync(`${path}.lock`), readFileSync(path)], before)
  return refusal
}

type LockText = Record<string, unknown>

/** A journal with the lock file of this process, changed. */
async function heldByOther(context: TestContext, change: (holder: LockText) => LockText | string): Promise<string> {
  const path = join(temporaryDirectory(context), 'a.wal')
  const journal = await openJournal(path)
  await journal.commit('x')
  const holder = JSON.parse(readFileSync(`${path}.lock`, 'utf8')) as LockText
  await journal.close()
  const changed = change(holder)
  writeFileSync(`${path}.lock`, typeof changed === 'string' ? changed : JSON.stringify(changed))
  return path
}

/** What the lock file of a process says that is gone. */
async function goneHolder(context: TestContext): Promise<string> {
  const path = join(temporaryDirectory(context), 'gone.wal')
  const child = startChild(context, 'agent')
  await child.ask({ do: 'open', path } satisfies Command)
  await child.kill()
  return readFileSync(`${path}.lock`, 'utf8')
}
