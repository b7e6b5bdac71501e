import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'

import {
  asLsn,
  type ErrorCode,
  FsysError,
  type Journal,
  type JournalOptions,
  type Lsn,
  openReader,
  type ReaderOptions,
} from 'fsys'

import { createKernel } from '#src/checksum/crc32c.js'
import { KernelPool } from '#src/checksum/kernel-pool.js'
import { Journal as JournalOf } from '#src/journal/journal.js'
import { open } from '#src/journal/open.js'
import { settleJournalOptions } from '#src/journal/options.js'
import { LSN_MAX } from '#src/lsn.js'
import { run } from '#src/storage/steps.js'

import type { Answer, Command } from '../fixtures/agent.js'
import { type Child, fixturePath, startChild } from '../support/children.js'
import { frames } from '../support/frames.js'
import { interposed, systemError } from '../support/interposed.js'
import { type FileSystem, mountSmall, remountReadOnly } from '../support/mounts.js'
import { openJournal, openJournalSync } from '../support/open-journal.js'
import { isPoisoned } from '../support/poisoned.js'
import { temporaryDirectory } from '../support/temporary.js'

const quick = { timeout: 180_000 }

suite('paths', () => {
  const notJournals: Readonly<Record<string, string | Buffer>> = {
    'of text': 'dear diary, today',
    'of one byte': 'x',
    'of almost the magic': 'FSX\u0001aaaaaaaa',
    'of another version': 'FSY\u0002aaaaaaaaaaaa',
    'of zeros and then text': `${'\0'.repeat(100)}text`,
    'of a record behind something else': Buffer.concat([Buffer.from('x'), frames('a')]),
    'of a record behind zeros': Buffer.concat([Buffer.alloc(12), frames('a')]),
  }
  for (const [what, bytes] of Object.entries(notJournals)) {
    test(`D7: a file ${what} is not taken for a journal, whatever the options`, quick, async (context) => {
      const path = join(temporaryDirectory(context), 'a.wal')
      writeFileSync(path, bytes)
      await refuses('ERR_FSYS_NOT_A_JOURNAL', path)
      await refuses('ERR_FSYS_NOT_A_JOURNAL', path, { onDamage: 'cut' })
      await refuses('ERR_FSYS_NOT_A_JOURNAL', path, { gaps: 'cut' })
      const reader = openReader(path)
      assert.deepEqual([...reader], [])
      assert.notEqual(reader.tailState, 'clean-end')
      reader.close()
    })
  }

  test(
    'D7: a gap at the beginning, and a tail at the end, are no journal, though there is a record between them',
    quick,
    async (context) => {
      const path = join(temporaryDirectory(context), 'a.wal')
      writeFileSync(path, Buffer.concat([Buffer.alloc(512), frames('a'), Buffer.from('FSY')]))
      await refuses('ERR_FSYS_NOT_A_JOURNAL', path, { gaps: 'skip' })
    },
  )

  test('a directory, a pipe and a device are no files, and nobody waits for them', quick, async (context) => {
    const directory = temporaryDirectory(context)
    mkdirSync(join(directory, 'directory'))
    await refusesToo('ERR_FSYS_NOT_A_FILE', join(directory, 'directory'))
    if (process.platform === 'win32') return
    execFileSync('mkfifo', [join(directory, 'pipe')])
    await refusesToo('ERR_FSYS_NOT_A_FILE', join(directory, 'pipe'))
    await refuses('ERR_FSYS_NOT_A_FILE', '/dev/null')
  })

  test('D10: a pipe in the place of a side file makes nobody wait', quick, async (context) => {
    if (process.platform === 'win32') return context.skip('there are no pipes with names')
    const directory = temporaryDirectory(context)
    const path = join(directory, 'a.wal')
    execFileSync('mkfifo', [`${path}.lock`])
    await refuses('ERR_FSYS_LOCKED', path)
    rmSync(`${path}.lock`)
    writeFileSync(path, '')
    execFileSync('mkfifo', [`${path}.mark`])
    await (await openJournal(path)).close()
    assert.ok(statSync(`${path}.mark`).isFile(), 'a mark that is none is replaced')
    return undefined
  })

  test('a mark that cannot be made is an error; nothing is left of the attempt', quick, async (context) => {
    const directory = temporaryDirectory(context)
    const path = join(directory, 'a.wal')
    writeFileSync(path, '')
    mkdirSync(`${path}.mark`)
    await refuses('ERR_FSYS_NOT_A_FILE', path)
    assert.deepEqual(readdirSync(directory).toSorted(), ['a.wal', 'a.wal.mark'])
  })

  test('a missing file, a missing directory and a path through a file lead nowhere', quick, async (context) => {
    const directory = temporaryDirectory(context)
    writeFileSync(join(directory, 'file'), '')
    await refuses('ERR_FSYS_NOT_FOUND', join(directory, 'a.wal'), { create: false })
    await refusesToo('ERR_FSYS_NOT_FOUND', join(directory, 'missing', 'a.wal'))
    await refusesToo('ERR_FSYS_NOT_A_DIRECTORY', join(directory, 'file', 'a.wal'))
    assert.throws(() => openReader(join(directory, 'a.wal')), { code: 'ERR_FSYS_NOT_FOUND' })
  })

  test('what the operating system refuses for other reasons names them', quick, async (context) => {
    const directory = temporaryDirectory(context)
    const loop = join(directory, 'loop')
    symlinkSync('loop', loop)
    assert.equal((await refusesToo('ERR_FSYS_LINKS', loop)).errno, 'ELOOP')
    const long = join(directory, 'a'.repeat(250))
    assert.equal((await refuses('ERR_FSYS_BAD_NAME', long)).errno, 'ENAMETOOLONG')
    const dangling = join(directory, 'dangling')
    symlinkSync('nothing', dangling)
    await refuses('ERR_FSYS_NOT_FOUND', dangling, { create: false })
    assert.equal((await refuses('ERR_FSYS_EXISTS', dangling)).errno, 'EEXIST')
  })

  const strangePaths: Readonly<Record<string, unknown>> = {
    'with a NUL': 'a\0b',
    'with a NUL in a URL': new URL('file:///tmp/a%00b'),
    'that is empty': '',
    'with a lone surrogate': 'lone \uD800',
    'that is no file URL': new URL('https://example.org/a.wal'),
    'with an encoded slash': new URL('file:///tmp/a%2Fb'),
    'on a host': new URL('file://host/a.wal'),
    'that is a number': 3,
    'that is null': null,
    'that is missing': undefined,
    'that is a Buffer': Buffer.from('a.wal'),
    'that is an object': {},
  }
  for (const [what, path] of Object.entries(strangePaths)) {
    test(`a path ${what} is an invalid argument`, quick, async () => {
      const invalid = { name: 'TypeError', code: 'ERR_FSYS_INVALID_ARGUMENT' }
      await assert.rejects(openJournal(path as string), invalid)
      assert.throws(() => openJournalSync(path as string), invalid)
      assert.throws(() => openReader(path as string), invalid)
    })
  }

  test('a file URL leads to its file, with all that it may hold', quick, async (context) => {
    const directory = temporaryDirectory(context)
    const path = join(directory, 'a b%20ü#?.wal')
    const journal = await openJournal(pathToFileURL(path))
    assert.equal(journal.info.path, path)
    await journal.commit('x')
    await journal.close()
    const reader = openReader(pathToFileURL(path))
    assert.equal([...reader].length, 1)
    reader.close()
  })
})

suite('permissions', () => {
  test('who may not read, write or enter is told so', quick, async (context) => {
    const directory = temporaryDirectory(context)
    chmodSync(directory, 0o755)
    const agent = await unprivileged(context, directory)
    if (agent === undefined) return
    const at = (name: string): string => join(directory, name)
    for (const name of ['unreadable', 'unwritable', 'closed', 'read-only']) {
      mkdirSync(at(name))
      await (await openJournal(join(at(name), 'a.wal'))).close()
      chmodSync(at(name), 0o777)
      chmodSync(join(at(name), 'a.wal.mark'), 0o666)
    }
    chmodSync(join(at('unreadable'), 'a.wal'), 0)
    chmodSync(join(at('read-only'), 'a.wal'), 0o444)
    chmodSync(join(at('unwritable'), 'a.wal'), 0o666)
    chmodSync(at('unwritable'), 0o555)
    const before = listing(directory)
    chmodSync(at('closed'), 0)
    try {
      for (const name of ['unreadable', 'unwritable', 'closed', 'read-only']) {
        const path = join(at(name), 'a.wal')
        for (const isSync of [true, false]) {
          const { code, errno, message }: Answer = await agent.ask({ do: 'open', path, isSync } satisfies Command)
          assert.deepEqual([code, errno], ['ERR_FSYS_ACCESS', 'EACCES'], `${name}: ${message}`)
          assert.match(message ?? '', /cannot open journal/u)
        }
        const { code }: Answer = await agent.ask({ do: 'read', path } satisfies Command)
        assert.equal(code, name === 'unreadable' || name === 'closed' ? 'ERR_FSYS_ACCESS' : undefined, name)
      }
      const missing = await agent.ask<Answer>({ do: 'open', path: join(at('unwritable'), 'b.wal') } satisfies Command)
      assert.equal(missing.code, 'ERR_FSYS_ACCESS')
    } finally {
      // So that it can be looked at, and removed.
      for (const name of ['closed', 'unwritable']) chmodSync(at(name), 0o777)
    }
    assert.deepEqual(listing(directory), before)
  })

  for (const kind of ['tmpfs', 'ext4'] as const) {
    test(`a read-only ${kind} can be read, and says that it is read-only`, quick, async (context) => {
      const directory = mountSmall(context, kind, 8)
      if (directory === undefined) return
      const path = join(directory, 'a.wal')
      const journal = await openJournal(path)
      await journal.commit('x')
      await journal.close()
      remountReadOnly(directory)
      assert.equal((await refuses('ERR_FSYS_READ_ONLY', path)).errno, 'EROFS')
      await refuses('ERR_FSYS_READ_ONLY', join(directory, 'b.wal'))
      const reader = openReader(path)
      assert.equal([...reader].length, 1)
      reader.close()
    })
  }
})

suite('a full disk', () => {
  for (const kind of ['tmpfs', 'ext4'] as const) {
    test(
      `D5 D2: on ${kind}, the failure reaches every caller, and what was acknowledged is there`,
      quick,
      async (context) => {
        const disk = await almostFull(context, kind)
        if (disk === undefined) return
        const journal = await openJournal(disk.path)
        let acknowledged = 0
        let failed = 0
        const committer = async (): Promise<void> => {
          for (;;) {
            try {
              acknowledged = Math.max(acknowledged, await journal.commit(Buffer.alloc(3000, 'c')))
            } catch (error) {
              assert.equal(
                (error as FsysError).code,
                failed === 0 || error === first ? 'ERR_FSYS_NO_SPACE' : 'ERR_FSYS_POISONED',
              )
              first ??= error
              failed++
              return
            }
          }
        }
        let first: unknown
        await Promise.all(Array.from({ length: 64 }, () => committer()))
        assert.equal(failed, 64)
        assert.equal((first as FsysError).errno, 'ENOSPC')
        await isPoisoned(journal, first)
        await goesOn(disk, journal.writtenLsn, acknowledged)
      },
    )

    test(
      `D5 D2 D9: on ${kind}, an append that must write for room fails, and is not staged`,
      quick,
      async (context) => {
        const disk = await almostFull(context, kind)
        if (disk === undefined) return
        const journal = await openJournal(disk.path, { logBufferBytes: 4096 })
        const acknowledged = await journal.commit('first')
        let first: unknown
        let nextLsn = 0
        try {
          for (;;) {
            nextLsn = journal.nextLsn
            journal.append(Buffer.alloc(1000, 'a'))
          }
        } catch (error) {
          first = error
        }
        assert.equal((first as FsysError).code, 'ERR_FSYS_NO_SPACE')
        assert.equal(journal.nextLsn, nextLsn)
        await isPoisoned(journal, first)
        await goesOn(disk, journal.writtenLsn, acknowledged)
      },
    )

    test(`D5 D2 D3: on ${kind}, a record that passes in pieces is not there in part`, quick, async (context) => {
      const disk = await almostFull(context, kind)
      if (disk === undefined) return
      const journal = await openJournal(disk.path, { logBufferBytes: 4096 })
      const acknowledged = await journal.commit('first')
      const first = caught(() => journal.append(Buffer.alloc(4 * 2 ** 20, 'a')))
      assert.equal(first.code, 'ERR_FSYS_NO_SPACE')
      assert.equal(journal.writtenLsn, acknowledged)
      await isPoisoned(journal, first)
      await goesOn(disk, journal.writtenLsn, acknowledged)
    })

    test(
      `D5 D4: on ${kind}, a blocking flush that meets an unfinished write leaves no hole`,
      quick,
      async (context) => {
        const disk = await almostFull(context, kind)
        if (disk === undefined) return
        const journal = await openJournal(disk.path, { logBufferBytes: 4 * 2 ** 20 })
        const acknowledged = await journal.commit('first')
        journal.appendBatch(Array.from({ length: 100 }, () => Buffer.alloc(1000, 'a')))
        const flushed = journal.flush()
        journal.appendBatch(Array.from({ length: 3000 }, () => Buffer.alloc(1000, 'b')))
        const first = caught(() => journal.flushSync())
        assert.equal(first.code, 'ERR_FSYS_NO_SPACE')
        const [{ status, ...outcome }] = await Promise.allSettled([flushed])
        const written = status === 'fulfilled' ? (outcome as { value: number }).value : 0
        assert.ok(written <= statSync(disk.path).size, 'what a flush has promised is in the file')
        await isPoisoned(journal, first)
        await goesOn(disk, journal.writtenLsn, acknowledged)
      },
    )

    test(`on ${kind}, a new journal that finds no room is not left half made`, quick, async (context) => {
      const disk = await almostFull(context, kind)
      if (disk === undefined) return
      disk.fill()
      await refuses('ERR_FSYS_NO_SPACE', join(dirname(disk.path), 'new.wal'))
    })
  }

  test(
    'D5 D4: where a blocking write fails beside an unfinished one, that is the last, and the file ends at writtenLsn',
    quick,
    async (context) => {
      const path = join(temporaryDirectory(context), 'a.wal')
      const held: (() => void)[] = []
      let isFull = false
      let isSlow = false
      let begun = 0
      const storage = interposed(({ name, path: of, isSync }) => {
        if (name !== 'file.write' || of !== path) return undefined
        begun++
        if (!isSync && isSlow) return new Promise<void>((resolve) => held.push(resolve))
        if (isFull) throw systemError('ENOSPC', -28)
        return undefined
      })
      const journal = await openJournal(path, { storage, logBufferBytes: 128 * 1024 })
      const acknowledged = await journal.commit('first')
      isSlow = true
      // Both buffers are full of what is to be flushed: the second would be written when the first has been.
      for (let number = 0; number < 120; number++) journal.append(Buffer.alloc(1000, 'a'))
      const flushed = Promise.allSettled([journal.flush()])
      for (let number = 0; number < 120; number++) journal.append(Buffer.alloc(1000, 'b'))
      const flushedAll = Promise.allSettled([journal.flush()])
      isFull = true
      begun = 0
      const first = caught(() => journal.flushSync())
      assert.equal(first.code, 'ERR_FSYS_NO_SPACE')
      for (const letGo of held) letGo()
      const outcomes = [...(await flushed), ...(await flushedAll)]
      assert.equal(begun, 1, 'only the blocking write has begun meanwhile')
      assert.equal(statSync(path).size, journal.writtenLsn)
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') assert.ok(outcome.value <= journal.writtenLsn)
        else assert.equal(outcome.reason, first)
      }
      assert.equal(outcomes[1]?.status, 'rejected')
      await isPoisoned(journal, first)
      const next = await openJournal(path)
      assert.ok(next.durableLsn >= acknowledged)
      assert.equal(next.info.recovery.bytesCut, 0)
      await next.close()
    },
  )

  test(
    'D5 D2: a limit on the size of files is a full disk',
    { ...quick, skip: process.platform === 'win32' },
    async (context) => {
      const path = join(temporaryDirectory(context), 'a.wal')
      // In blocks of 512 bytes (POSIX) or 1024 (some shells).
      const agent = startChild(context, 'agent', [], { through: ['/bin/sh', '-c', 'ulimit -f 128; exec "$0" "$@"'] })
      assert.equal((await agent.ask<Answer>({ do: 'open', path } satisfies Command)).isDone, true)
      const filled = await agent.ask<Answer>({ do: 'fill', record: 'f'.repeat(1000) } satisfies Command)
      assert.deepEqual([filled.code, filled.errno], ['ERR_FSYS_NO_SPACE', 'EFBIG'], filled.message)
      assert.equal((await agent.ask<Answer>({ do: 'close' } satisfies Command)).code, 'ERR_FSYS_POISONED')
      const journal = await openJournal(path)
      assert.equal(journal.info.recovery.records, filled.records)
      assert.equal(journal.info.recovery.bytesCut, 0)
      await journal.close()
    },
  )
})

suite('a process at its limits', () => {
  test(
    'D8: without descriptors, an open fails and leaves nothing, not even its lock',
    { ...quick, skip: process.platform === 'win32' },
    async (context) => {
      const directory = temporaryDirectory(context)
      const path = join(directory, 'a.wal')
      await (await openJournal(path)).close()
      writeFileSync(path, frames('a'))
      const agent = startChild(context, 'agent', [], { through: ['/bin/sh', '-c', 'ulimit -n 100; exec "$0" "$@"'] })
      // Its engine is there by then, and all that this one holds.
      await agent.ask({ do: 'open', path: join(temporaryDirectory(context), 'other.wal') } satisfies Command)
      await agent.ask({ do: 'close' } satisfies Command)
      let failures = 0
      for (let spare = 0; ; spare++) {
        assert.equal((await agent.ask<Answer>({ do: 'exhaust', spare } satisfies Command)).isDone, true)
        const isSync = spare % 2 === 0
        const answer: Answer = await agent.ask({ do: 'open', path, isSync } satisfies Command)
        if (answer.isDone) break
        failures++
        assert.deepEqual([answer.code, answer.errno], ['ERR_FSYS_IO', 'EMFILE'], answer.message)
        assert.deepEqual(readdirSync(directory).toSorted(), ['a.wal', 'a.wal.mark'])
        assert.deepEqual(readFileSync(path), frames('a'))
      }
      assert.ok(failures >= 3, 'a journal holds three descriptors')
      assert.equal((await agent.ask<Answer>({ do: 'commit' } satisfies Command)).isDone, true)
      await agent.ask({ do: 'close' } satisfies Command)
      assert.equal(existsSync(`${path}.lock`), false)
    },
  )

  test('D8: without memory, an open fails and leaves nothing, not even its lock', quick, async (context) => {
    for (let failing = 1; failing <= 2; failing++) {
      let acquired = 0
      const memory = new KernelPool({
        create: (...sizes) => {
          if (++acquired % 2 === failing % 2) throw new RangeError('there is no memory')
          return createKernel(...sizes)
        },
        idleCountMax: 0,
      })
      const path = join(temporaryDirectory(context), 'a.wal')
      await assert.rejects(openJournal(path, { memory }), { message: 'there is no memory' })
      acquired = 0
      assert.throws(() => openJournalSync(path, { memory }), { message: 'there is no memory' })
      assert.deepEqual(readdirSync(dirname(path)), [])
      await (await openJournal(path)).close()
    }
  })
})

suite('records', () => {
  const wrong: Readonly<Record<string, () => unknown>> = {
    'a number': () => 5,
    null: () => null,
    undefined: () => undefined,
    'an array': () => [1, 2, 3],
    'an object': () => ({ length: 3 }),
    'an ArrayBuffer': () => new ArrayBuffer(8),
    'a Uint16Array': () => new Uint16Array(4),
    'a Uint8ClampedArray': () => new Uint8ClampedArray(4),
    'a DataView': () => new DataView(new ArrayBuffer(8)),
    'a String object': () => Object('text') as unknown,
    'a Uint8Array whose memory was transferred away': () => {
      const bytes = new Uint8Array(8)
      structuredClone(bytes, { transfer: [bytes.buffer] })
      return bytes
    },
    'a Uint8Array whose memory has shrunk away': () => {
      // Resizable buffers are younger than the types that are used here.
      const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer & Resizing
      const buffer = new Resizable(8, { maxByteLength: 8 })
      const bytes = new Uint8Array(buffer, 4, 4)
      buffer.resize(2)
      return bytes
    },
    'a lone surrogate': () => 'a\ud800b',
    'a lone surrogate at the end': () => 'ab\udbff',
  }
  for (const [what, make] of Object.entries(wrong)) {
    test(`${what} is no record, and nothing of it is staged`, quick, async (context) => {
      const journal = await openHere(context)
      const record = make() as string
      const invalid = { name: 'TypeError', code: 'ERR_FSYS_INVALID_ARGUMENT' }
      assert.throws(() => journal.append(record), invalid)
      assert.throws(() => journal.appendBatch(['right', record]), invalid)
      await assert.rejects(journal.commit(record), invalid)
      assert.equal(journal.nextLsn, 0)
      assert.equal(await journal.commit('right'), 17)
    })
  }

  test('D3: every form of bytes, and text, is a record', quick, async (context) => {
    const journal = await openHere(context)
    class Bytes extends Uint8Array {}
    const shared = new Uint8Array(new SharedArrayBuffer(3))
    shared.set([1, 2, 3])
    const records = [
      Uint8Array.of(1, 2, 3),
      Buffer.from([1, 2, 3]),
      Bytes.of(1, 2, 3),
      shared,
      Uint8Array.of(0, 1, 2, 3, 4).subarray(1, 4),
      new Uint8Array(new Uint8Array([9, 9, 1, 2, 3]).buffer, 2),
    ]
    for (const record of records) journal.append(record)
    journal.appendBatch(records)
    journal.append('\u0001\u0002\u0003')
    journal.append(new Uint8Array())
    journal.append('')
    await journal.flush()
    const reader = openReader(journal.info.path)
    const payloads = [...reader].map(({ payload }) => Array.from(payload))
    reader.close()
    assert.deepEqual(payloads, [...Array.from({ length: 13 }, () => [1, 2, 3]), [], []])
  })

  test(
    'a record over recordBytesMax is refused, in every form; one of just that size is not',
    quick,
    async (context) => {
      const journal = await openHere(context, { recordBytesMax: 10 })
      const tooLarge = { name: 'RangeError', code: 'ERR_FSYS_RECORD_TOO_LARGE' }
      assert.throws(() => journal.append(Buffer.alloc(11)), tooLarge)
      assert.throws(() => journal.append('x'.repeat(11)), tooLarge)
      assert.throws(() => journal.append('ü'.repeat(6)), tooLarge)
      assert.throws(() => journal.appendBatch(['x', Buffer.alloc(11)]), tooLarge)
      await assert.rejects(journal.commit(Buffer.alloc(2 ** 21)), tooLarge)
      assert.equal(journal.nextLsn, 0)
      assert.equal(await journal.commit('ü'.repeat(5)), 22)
      assert.equal(await journal.commit(Buffer.alloc(10)), 44)
    },
  )

  test('a record over the limit of the format is refused before it is touched', quick, async (context) => {
    const journal = await openHere(context)
    const tooLarge = { name: 'RangeError', code: 'ERR_FSYS_RECORD_TOO_LARGE' }
    assert.throws(() => journal.append(new Uint8Array(2 ** 28)), tooLarge)
    assert.equal(journal.nextLsn, 0)
  })

  test('a batch is staged only after it has been checked to its end', quick, async (context) => {
    const journal = await openHere(context)
    const failing = function* (): Generator<string> {
      yield 'a'
      throw new Error('of the caller')
    }
    assert.throws(() => journal.appendBatch(failing()), { message: 'of the caller' })
    assert.throws(() => journal.appendBatch(5 as never), TypeError)
    assert.throws(() => journal.appendBatch(null as never), TypeError)
    assert.equal(journal.nextLsn, 0)
  })

  test('D5: a batch during whose checks the journal is closed is not staged', quick, async (context) => {
    const journal = await openHere(context)
    const closing = function* (): Generator<string> {
      yield 'a'
      journal.closeSync()
      yield 'b'
    }
    assert.throws(() => journal.appendBatch(closing()), { code: 'ERR_FSYS_CLOSED' })
    assert.equal(statSync(journal.info.path).size, 0)
  })

  test('a journal ends at 2^53 - 1, before anything is staged', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const options = settleJournalOptions({})
    const journal = new JournalOf(await run(open(path, LSN_MAX - 100, options)), options)
    const limit = { name: 'RangeError', code: 'ERR_FSYS_LSN_LIMIT' }
    assert.throws(() => journal.append(Buffer.alloc(89)), limit)
    assert.throws(() => journal.append('x'.repeat(89)), limit)
    assert.throws(() => journal.append(Buffer.alloc(2 ** 22)), limit)
    assert.throws(() => journal.appendBatch([Buffer.alloc(40), Buffer.alloc(40)]), limit)
    await assert.rejects(journal.commit(Buffer.alloc(89)), limit)
    assert.equal(journal.nextLsn, LSN_MAX - 100)
    assert.equal(journal.append(Buffer.alloc(88)), LSN_MAX)
    assert.throws(() => journal.append(''), limit)
    // Few file systems take such a file.
    await journal.close().catch((error: FsysError) => assert.match(error.code, /ERR_FSYS_(NO_SPACE|IO)/u))
  })
})

suite('options', () => {
  const invalid: readonly (readonly [string, unknown])[] = [
    ['an unknown one', { logBufferSize: 4096 }],
    ['one with another case', { ondamage: 'cut' }],
    ['text in place of them', 'cut'],
    ['null in place of them', null],
    ['a number in place of them', 5],
    ['text for a size', { logBufferBytes: '4096' }],
    ['a big integer for a size', { logBufferBytes: 4096n }],
    ['another policy', { onDamage: 'ignore' }],
    ['a policy of another type', { gaps: 5 }],
    ['text for a truth', { create: 'yes' }],
    ['text for a mode', { fileMode: '0600' }],
    ['something else for a signal', { signal: {} }],
    ['null for a signal', { signal: null }],
    ['text for a storage', { storage: 'disk' }],
    ['text for a memory', { memory: 'pool' }],
  ]
  for (const [what, options] of invalid) {
    test(`${what}: an invalid argument, and nothing is made`, quick, async (context) => {
      await refuses('ERR_FSYS_INVALID_ARGUMENT', join(temporaryDirectory(context), 'a.wal'), options as JournalOptions)
    })
  }

  const outOfRange: readonly JournalOptions[] = [
    { logBufferBytes: 4095 },
    { logBufferBytes: 64 * 2 ** 20 + 1 },
    { logBufferBytes: 4096.5 },
    { logBufferBytes: Number.NaN },
    { logBufferBytes: Infinity },
    { logBufferBytes: -1 },
    { recordBytesMax: -1 },
    { recordBytesMax: 2 ** 28 },
    { fileMode: -1 },
    { fileMode: 0o1000 },
  ]
  for (const options of outOfRange) {
    const [[name, value] = []] = Object.entries(options)
    test(`${name} of ${String(value)} is out of range, and nothing is made`, quick, async (context) => {
      await refuses('ERR_FSYS_OUT_OF_RANGE', join(temporaryDirectory(context), 'a.wal'), options)
    })
  }

  test('the limits themselves are in range', quick, async (context) => {
    for (const options of [
      { logBufferBytes: 4096, recordBytesMax: 0, fileMode: 0o600 },
      { logBufferBytes: 64 * 2 ** 20, recordBytesMax: 2 ** 28 - 1, fileMode: 0o777 },
    ] satisfies JournalOptions[]) {
      await (await openJournal(join(temporaryDirectory(context), 'a.wal'), options)).close()
    }
  })

  test('a signal is not for openJournalSync, which could not hear it', quick, (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const options = { signal: new AbortController().signal }
    assert.throws(() => openJournalSync(path, options as object), {
      code: 'ERR_FSYS_INVALID_ARGUMENT',
      message: /openJournalSync.*signal/u,
    })
    assert.deepEqual(readdirSync(dirname(path)), [])
  })

  test("a reader's options are checked as well", quick, async (context) => {
    const { path } = (await openHere(context)).info
    const wrong: readonly (readonly [ErrorCode, unknown])[] = [
      ['ERR_FSYS_INVALID_ARGUMENT', null],
      ['ERR_FSYS_INVALID_ARGUMENT', 'skip'],
      ['ERR_FSYS_INVALID_ARGUMENT', { onDamage: 'cut' }],
      ['ERR_FSYS_INVALID_ARGUMENT', { gaps: 'cut' }],
      ['ERR_FSYS_INVALID_ARGUMENT', { recordBytesMax: '5' }],
      ['ERR_FSYS_INVALID_ARGUMENT', { storage: 'disk' }],
      ['ERR_FSYS_INVALID_ARGUMENT', { memory: 'pool' }],
      ['ERR_FSYS_OUT_OF_RANGE', { recordBytesMax: 2 ** 20 - 1 }],
      ['ERR_FSYS_OUT_OF_RANGE', { recordBytesMax: 2 ** 28 }],
    ]
    for (const [code, options] of wrong) assert.throws(() => openReader(path, options as ReaderOptions), { code })
  })
})

suite('LSNs', () => {
  const never: readonly unknown[] = [Number.NaN, -1, 0.5, 17.5, 2 ** 53, Infinity, '17', 17n, null, undefined, {}]

  test('what is no LSN is an invalid argument, wherever one is asked for', quick, async (context) => {
    const journal = await openHere(context)
    await journal.commit('hello')
    await journal.commit(' world')
    const reader = openReader(journal.info.path)
    const invalid = { name: 'TypeError', code: 'ERR_FSYS_INVALID_ARGUMENT' }
    for (const value of never) {
      const lsn = value as Lsn
      assert.throws(() => asLsn(lsn), invalid, inspect(value))
      await assert.rejects(journal.syncThrough(lsn), invalid, inspect(value))
      assert.throws(() => journal.syncThroughSync(lsn), invalid, inspect(value))
      assert.throws(() => reader.seek(lsn), invalid, inspect(value))
      assert.throws(() => reader.readAt(lsn), invalid, inspect(value))
    }
    assert.equal(reader.position, 0)
    reader.close()
    assert.equal(asLsn(0), 0)
    assert.equal(asLsn(2 ** 53 - 1), 2 ** 53 - 1)
  })

  test('an LSN that was never handed out is unknown', quick, async (context) => {
    const journal = await openHere(context)
    await journal.commit('hello')
    const unknown = { name: 'RangeError', code: 'ERR_FSYS_LSN_UNKNOWN' }
    await assert.rejects(journal.syncThrough(asLsn(18)), unknown)
    assert.throws(() => journal.syncThroughSync(asLsn(18)), unknown)
    await assert.rejects(journal.syncThrough(asLsn(2 ** 53 - 1)), unknown)
    assert.equal(await journal.syncThrough(asLsn(17)), 17)
  })

  test('what is no signal is an invalid argument of syncThrough, and breaks nothing', quick, async (context) => {
    const journal = await openHere(context)
    const lsn = journal.append('x')
    for (const signal of [{}, 5, null]) {
      await assert.rejects(journal.syncThrough(lsn, { signal: signal as AbortSignal }), {
        code: 'ERR_FSYS_INVALID_ARGUMENT',
      })
    }
    assert.equal(await journal.syncThrough(lsn), 13)
  })

  test('readAt finds a record where one begins, and nowhere else', quick, async (context) => {
    const journal = await openHere(context)
    await journal.commit('hello')
    await journal.commit(' world')
    const reader = openReader(journal.info.path)
    assert.equal(reader.readAt(asLsn(17)).payload.toString(), ' world')
    for (let lsn = 0; lsn < 50; lsn++) {
      if (lsn === 0 || lsn === 17) continue
      assert.throws(
        () => reader.readAt(asLsn(lsn)),
        { name: 'FsysError', code: 'ERR_FSYS_NO_RECORD', lsn },
        String(lsn),
      )
    }
    assert.equal(reader.position, 0)
    reader.close()
  })
})

suite('after the end', () => {
  test('a closed journal refuses all that is new, and repeats what is settled', quick, async (context) => {
    const journal = await openHere(context)
    await journal.commit('x')
    await journal.close()
    const closed = { name: 'FsysError', code: 'ERR_FSYS_CLOSED' }
    assert.throws(() => journal.append('y'), closed)
    assert.throws(() => journal.appendBatch(['y']), closed)
    assert.throws(() => journal.appendBatch([]), closed)
    assert.throws(() => journal.flushSync(), closed)
    await assert.rejects(journal.commit('y'), closed)
    await assert.rejects(journal.flush(), closed)
    assert.equal(await journal.syncThrough(asLsn(13)), 13)
    assert.equal(journal.syncThroughSync(asLsn(13)), 13)
    await assert.rejects(journal.syncThrough(asLsn(14)), { code: 'ERR_FSYS_LSN_UNKNOWN' })
    assert.deepEqual([journal.nextLsn, journal.writtenLsn, journal.durableLsn], [13, 13, 13])
    assert.equal(journal.info.recovery.cleanEnd, 0)
    await journal.close()
    journal.closeSync()
    await journal[Symbol.asyncDispose]()
  })

  test('a closed reader refuses all reading', quick, async (context) => {
    const reader = openReader((await openHere(context)).info.path)
    reader.close()
    reader.close()
    reader[Symbol.dispose]()
    const closed = { name: 'FsysError', code: 'ERR_FSYS_CLOSED' }
    assert.throws(() => [...reader], closed)
    assert.throws(() => reader.scan(() => {}), closed)
    assert.throws(() => reader.refresh(), closed)
    assert.throws(() => reader.seek(asLsn(0)), closed)
    assert.throws(() => reader.readAt(asLsn(0)), closed)
    await assert.rejects(reader.batches().next(), closed)
    await assert.rejects(reader[Symbol.asyncIterator]().next(), closed)
  })

  test('a record over the limit of a reader is an error of what was found', quick, async (context) => {
    const journal = await openHere(context)
    const lsn = journal.append('small')
    const large = journal.append(Buffer.alloc(2 ** 20 + 1))
    await journal.flush()
    const reader = openReader(journal.info.path, { recordBytesMax: 2 ** 20 })
    for (let attempt = 0; attempt < 2; attempt++) {
      const error = caught(() => [...reader])
      assert.ok(error instanceof FsysError, String(error))
      assert.deepEqual([error.code, error.lsn, error.path], ['ERR_FSYS_RECORD_TOO_LARGE', lsn, journal.info.path])
      assert.equal(reader.position, lsn)
    }
    reader.seek(large)
    assert.deepEqual([...reader], [])
    reader.close()
  })

  test('a disk that fails under a reader is named', quick, async (context) => {
    const journal = await openHere(context)
    await journal.commit('x')
    let isBroken = false
    const storage = interposed(({ name }) => {
      if (isBroken && name !== 'file.close') throw systemError('EIO')
    })
    const reader = openReader(journal.info.path, { storage })
    isBroken = true
    const failure = { name: 'FsysError', code: 'ERR_FSYS_IO', errno: 'EIO' }
    assert.throws(() => [...reader], failure)
    assert.throws(() => reader.refresh(), failure)
    await assert.rejects(reader.batches().next(), failure)
    isBroken = false
    assert.equal([...reader].length, 1)
    reader.close()
  })
})

suite('error codes', () => {
  test('every code that there is, some test expects', quick, () => {
    const root = join(dirname(fixturePath('agent')), '..', '..', '..')
    const source = readFileSync(join(root, 'src', 'errors.ts'), 'utf8')
    const codes = new Set(source.match(/(?<=^ {2}\| ')ERR_FSYS_[A-Z_]+(?=')/gmu))
    assert.ok(codes.size >= 19, `${codes.size} codes`)
    const expected = new Set(sources(join(root, 'test')).match(/(?<=['(])ERR_FSYS_[A-Z_]+(?=['\\)])/gu))
    assert.deepEqual(
      [...codes].filter((code) => !expected.has(code)),
      [],
      'codes that no test expects',
    )
    assert.deepEqual(
      [...expected].filter((code) => !codes.has(code)),
      [],
      'codes that a test expects, and that there are not',
    )
  })
})

/** The TypeScript files of the tests, one behind the other. */
function sources(directory: string): string {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n')
}

async function openHere(context: TestContext, options?: JournalOptions): Promise<Journal> {
  const journal = await openJournal(join(temporaryDirectory(context), 'a.wal'), options)
  context.after(() => journal.close().catch(() => {}))
  return journal
}

/** Both ways of opening fail with this code, and say on what; nothing has changed on the disk. */
async function refuses(code: ErrorCode, path: string, options?: JournalOptions): Promise<FsysError> {
  const before = listing(dirname(path))
  const errors = [
    caught(() => openJournalSync(path, options)),
    await openJournal(path, options).catch((error: unknown) => error),
  ]
  for (const error of errors as FsysError[]) {
    assert.equal(error.code, code, String(error))
    if (error instanceof FsysError) {
      assert.match(error.message, /cannot open journal/u)
      assert.ok(error.message.includes(path) && typeof error.path === 'string')
    }
  }
  assert.deepEqual(listing(dirname(path)), before)
  return errors[1] as FsysError
}

/** As `refuses`, and for a reader too. */
async function refusesToo(code: ErrorCode, path: string): Promise<FsysError> {
  const error = caught(() => openReader(path))
  assert.equal(error.code, code, String(error))
  assert.match(error.message, /cannot open journal .* for reading/u)
  return await refuses(code, path)
}

function caught(work: () => unknown): FsysError {
  try {
    work()
  } catch (error) {
    return error as FsysError
  }
  return assert.fail('it should have failed')
}

/** What there is, with the contents of files that are not too large. */
function listing(directory: string): string[] {
  if (directory === '/dev') return []
  const found: string[] = []
  try {
    for (const name of readdirSync(directory).toSorted()) {
      const path = join(directory, name)
      const stats = lstatSync(path)
      const isSmall = stats.isFile() && stats.size < 2 ** 20
      found.push(isSmall ? `${path}: ${readFileSync(path, 'hex')}` : `${path}: ${stats.size} bytes`)
      if (stats.isDirectory()) found.push(...listing(path))
    }
  } catch (error) {
    found.push(String(error))
  }
  return found
}

/** A process that is bound by permissions, which a superuser is not. */
async function unprivileged(context: TestContext, directory: string): Promise<Child | undefined> {
  const identity = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
  const agent = startChild(context, 'agent', [], { cwd: directory, ...identity })
  agent.process.on('error', () => {})
  const probe = await Promise.race([agent.ask<Answer>({ do: 'close' } satisfies Command), agent.ended]).catch(String)
  if (typeof probe === 'object' && 'isDone' in probe) return agent
  context.skip(`another user cannot run the tests' programs here: ${JSON.stringify(probe)}`)
  return undefined
}

interface Resizing {
  resize(length: number): void
}

interface Disk {
  readonly path: string
  /** Takes up all that is left. */
  fill(): void
  /** Gives back what was taken up. */
  free(): void
}

/** A small file system with a journal's place on it, and room for about a megabyte. */
async function almostFull(context: TestContext, kind: FileSystem): Promise<Disk | undefined> {
  const directory = mountSmall(context, kind, kind === 'ext4' ? 8 : 4)
  if (directory === undefined) return undefined
  const path = join(directory, 'a.wal')
  const ballast = join(directory, 'ballast')
  const fill = (): void => {
    const file = openSync(ballast, 'a')
    // A file system holds back more than it needs until what is written has its place.
    for (let attempt = 0; attempt < 3; attempt++) {
      assert.match(String(caught(() => fillUp(file))), /ENOSPC/u)
      fsyncSync(file)
    }
    closeSync(file)
  }
  await (await openJournal(path)).close()
  fill()
  truncateSync(ballast, statSync(ballast).size - 2 ** 20)
  return { path, fill, free: () => rmSync(ballast) }
}

function fillUp(file: number): never {
  for (;;) writeSync(file, Buffer.alloc(512, 'b'))
}

/** Opens on the full disk with all that was acknowledged, and nothing to save; goes on once there is room. */
async function goesOn(disk: Disk, written: number, acknowledged: number): Promise<void> {
  const { size } = statSync(disk.path)
  assert.equal(size, written)
  const full = await openJournal(disk.path)
  const { recovery } = full.info
  assert.ok(recovery.cleanEnd >= acknowledged)
  assert.equal(recovery.bytesCut, 0)
  assert.equal(recovery.cleanEnd, size)
  await full.close()
  disk.free()
  const journal = await openJournal(disk.path)
  const before = journal.nextLsn
  assert.equal(before, size)
  for (let number = 0; number < 100; number++) await journal.commit(Buffer.alloc(3000, 'd'))
  await journal.close()
  const reader = openReader(disk.path)
  reader.seek(before)
  assert.equal(
    reader.scan(() => {}),
    100,
  )
  assert.equal(reader.tailState, 'clean-end')
  reader.close()
}
