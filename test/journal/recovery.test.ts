import assert from 'node:assert/strict'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { type FsysError, type Journal, type JournalOptions, openReader, type Recovery, type TailState } from 'fsys'

import { KernelPool } from '#src/checksum/kernel-pool.js'
import type { Kernel } from '#src/checksum/kernel.js'
import { decodeMark, encodeMark, type Mark } from '#src/journal/mark.js'

import { frame, frames } from '../support/frames.js'
import { interposed, OpenFiles, type StorageCall, systemError } from '../support/interposed.js'
import { mountSmall } from '../support/mounts.js'
import { openJournal, openJournalSync } from '../support/open-journal.js'
import { temporaryDirectory } from '../support/temporary.js'

const quick = { timeout: 180_000 }
const MIB = 2 ** 20

/** Three records, and where they end. */
const HEALTHY = frames('first', 'second', 'third')
const HEALTHY_RECORDS = ['first', 'second', 'third']

suite('tail states', () => {
  interface Tail {
    readonly state: TailState
    readonly bytes: Buffer
    /** How many valid frames stand in it. */
    readonly validFrames?: number
  }
  const header = (length: number): Buffer => {
    const bytes = frame(Buffer.alloc(0)).subarray(0, 8)
    bytes.writeUInt32LE(length, 4)
    return bytes
  }
  const damaged = (payload: string, at: number): Buffer => {
    const bytes = frame(payload)
    bytes[at] = (bytes[at] as number) ^ 1
    return bytes
  }
  const zeros = Buffer.alloc(5000)

  const recoverable: Readonly<Record<string, Tail>> = {
    nothing: { state: 'clean-end', bytes: Buffer.alloc(0) },
    'one zero': { state: 'clean-end', bytes: Buffer.alloc(1) },
    'zeros to the end': { state: 'clean-end', bytes: zeros },
    'megabytes of zeros': { state: 'clean-end', bytes: Buffer.alloc(5 * MIB + 3) },
    ...Object.fromEntries(
      [1, 2, 3, 4, 5, 6, 7].map((length) => [
        `${length} bytes of a header`,
        { state: 'truncated-header', bytes: header(0x01020304).subarray(0, length) } satisfies Tail,
      ]),
    ),
    'half a magic, and zeros': { state: 'truncated-header', bytes: Buffer.concat([Buffer.from('FSY'), zeros]) },
    'half a magic, the rest of a header as zeros, and text': {
      state: 'truncated-header',
      bytes: Buffer.from('FS\0\0\0\0\0\0text'),
    },
    'a run of zeros, and text': { state: 'truncated-header', bytes: Buffer.concat([zeros, Buffer.from('text')]) },
    'a run of zeros, and a record elsewhere than at a sector': {
      state: 'truncated-header',
      bytes: Buffer.concat([Buffer.alloc(3), frame('behind')]),
      validFrames: 1,
    },
    'one zero, and something': { state: 'truncated-header', bytes: Buffer.from('\0FSY') },
    'a header alone': { state: 'truncated-payload', bytes: header(100) },
    'a record that is cut': { state: 'truncated-payload', bytes: frame('cut off').subarray(0, -1) },
    'a record that is cut, with records in it': {
      state: 'truncated-payload',
      bytes: frame(frames('in', 'it')).subarray(0, -1),
      validFrames: 2,
    },
    'a length that goes beyond the file': {
      state: 'truncated-payload',
      bytes: Buffer.concat([header(2 ** 28 - 1), zeros]),
    },
    'a record with a wrong payload': { state: 'checksum-mismatch', bytes: damaged('wrong', 9) },
    'a record with a wrong checksum': { state: 'checksum-mismatch', bytes: damaged('wrong', 15) },
    'a record of zeros behind its header': { state: 'checksum-mismatch', bytes: Buffer.concat([header(10), zeros]) },
    'a wrong record, and right ones behind it': {
      state: 'checksum-mismatch',
      bytes: Buffer.concat([damaged('wrong', 10), frames('right', 'too')]),
      validFrames: 2,
    },
    'a large wrong record': { state: 'checksum-mismatch', bytes: damaged('x'.repeat(3 * MIB), 2 * MIB) },
    'a large record that is cut': {
      state: 'truncated-payload',
      bytes: frame('x'.repeat(3 * MIB)).subarray(0, 2 * MIB),
    },
  }
  for (const [what, { state, bytes, validFrames = 0 }] of Object.entries(recoverable)) {
    test(`D2 D6 D7: ${what}: ${state}, is saved and cut`, quick, async (context) => {
      const path = place(context, HEALTHY, bytes)
      readsAs(path, HEALTHY_RECORDS, state)
      const isZero = bytes.every((byte) => byte === 0)
      const journal = await openJournal(path)
      const { recovery } = journal.info
      assert.equal(recovery.tailState, state)
      assert.deepEqual([recovery.cleanEnd, recovery.records, recovery.bytesCut], [HEALTHY.length, 3, bytes.length])
      assert.deepEqual([recovery.isBelowMark, recovery.gaps], [false, 0])
      assert.equal(statSync(path).size, HEALTHY.length)
      assert.deepEqual(
        recovery.savedTail,
        isZero
          ? undefined
          : {
              path: `${path}.corrupt-${HEALTHY.length}`,
              bytes: withoutZeros(bytes).length,
              validFrames,
              isAtLeast: false,
            },
      )
      if (!isZero) assert.ok(readFileSync(`${path}.corrupt-${HEALTHY.length}`).equals(withoutZeros(bytes)))
      await goesOn(journal)
      readsAs(path, [...HEALTHY_RECORDS, 'next'], 'clean-end')
    })
  }

  const refused: Readonly<Record<string, Tail>> = {
    text: { state: 'bad-magic', bytes: Buffer.from('some text') },
    'one wrong byte': { state: 'bad-magic', bytes: Buffer.from('x') },
    'another version of the magic': { state: 'bad-magic', bytes: Buffer.from('FSY\u0002aaaabbbb') },
    'half a magic, and text': { state: 'bad-magic', bytes: Buffer.from('FSaaaaaaaaaaaa') },
    'half a magic, zeros, and text': { state: 'bad-magic', bytes: Buffer.from('FS\0\0\0\0\0x') },
    'text, and records behind it': {
      state: 'bad-magic',
      bytes: Buffer.concat([Buffer.from('x'), frames('a', 'b')]),
      validFrames: 2,
    },
    'a length over the limit': { state: 'length-overflow', bytes: Buffer.concat([header(2 ** 28), zeros]) },
    'the largest length there is': { state: 'length-overflow', bytes: header(2 ** 32 - 1) },
  }
  for (const [what, { state, bytes, validFrames = 0 }] of Object.entries(refused)) {
    test(`D7: ${what}: ${state}, is refused, and cut only when asked for`, quick, async (context) => {
      const path = place(context, HEALTHY, bytes)
      readsAs(path, HEALTHY_RECORDS, state)
      const error = await refuses('ERR_FSYS_DAMAGED', path)
      assert.deepEqual([error.lsn, error.tailState, error.path], [HEALTHY.length, state, path])
      assert.match(error.message, /LSN 52.*fsys repair.*onDamage: 'cut'/u)
      const journal = await openJournal(path, { onDamage: 'cut' })
      const { savedTail, ...recovery } = journal.info.recovery
      assert.deepEqual([recovery.tailState, recovery.bytesCut], [state, bytes.length])
      assert.deepEqual(savedTail, {
        path: `${path}.corrupt-52`,
        bytes: withoutZeros(bytes).length,
        validFrames,
        isAtLeast: false,
      })
      assert.ok(readFileSync(`${path}.corrupt-52`).equals(withoutZeros(bytes)))
      await goesOn(journal)
      readsAs(path, [...HEALTHY_RECORDS, 'next'], 'clean-end')
    })
  }

  for (const sector of [512, 1024, 4096]) {
    for (const right of [1, 2, 3]) {
      test(
        `D7: a header torn at ${sector}, behind its byte ${right}, is a crash, whatever follows`,
        quick,
        async (context) => {
          const payload = Buffer.alloc(sector - right - HEALTHY.length - 12, 'p')
          const before = Buffer.concat([HEALTHY, frame(payload)])
          assert.equal((before.length + right) % 512, 0)
          for (const behind of [Buffer.alloc(0), zeros, Buffer.from('anything'), frames('a', 'b')]) {
            const torn = Buffer.concat([header(77).subarray(0, right), Buffer.alloc(8 - right), behind])
            const path = place(context, before, torn)
            readsAs(path, [...HEALTHY_RECORDS, payload.toString()], 'truncated-header')
            const journal = await openJournal(path)
            assert.equal(journal.info.recovery.cleanEnd, before.length)
            assert.ok(readFileSync(`${path}.corrupt-${before.length}`).equals(withoutZeros(torn)))
            await goesOn(journal)
            // One byte off, it is no crash.
            const off = Buffer.concat([
              header(77).subarray(0, right),
              Buffer.from([7]),
              Buffer.alloc(7 - right),
              behind,
            ])
            await refuses('ERR_FSYS_DAMAGED', place(context, before, off))
          }
        },
      )
    }
  }

  test('D2 D6: a journal of nothing but a torn beginning is empty', quick, async (context) => {
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.alloc(4096),
      Buffer.from('F'),
      Buffer.from('FSY'),
      header(5),
      damaged('x', 8),
    ]) {
      const path = place(context, bytes)
      const journal = await openJournal(path)
      assert.equal(journal.info.recovery.cleanEnd, 0)
      assert.equal(
        existsSync(`${path}.corrupt-0`),
        bytes.some((byte) => byte !== 0),
      )
      await goesOn(journal)
    }
  })

  test('D2 D3: cut anywhere, a journal without a mark keeps what is whole', quick, (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    for (let size = 0; size <= HEALTHY.length; size++) {
      clear(path)
      writeFileSync(path, HEALTHY.subarray(0, size))
      const journal = openJournalSync(path)
      const expected = [17, 35, 52].filter((end) => end <= size)
      assert.deepEqual([journal.nextLsn, journal.info.recovery.records], [expected.at(-1) ?? 0, expected.length])
      journal.append('next')
      journal.closeSync()
      readsAs(path, [...HEALTHY_RECORDS.slice(0, expected.length), 'next'], 'clean-end')
    }
  })

  test(
    'D3 D7: with any byte wrong, a journal without a mark keeps what is before it, or is refused',
    quick,
    (context) => {
      const path = join(temporaryDirectory(context), 'a.wal')
      for (let at = 0; at < HEALTHY.length; at++) {
        clear(path)
        const bytes = Buffer.from(HEALTHY)
        bytes[at] = (bytes[at] as number) ^ 0x80
        writeFileSync(path, bytes)
        const before = [17, 35, 52].filter((end) => end <= at)
        const from = before.at(-1) ?? 0
        const inFrame = at - from
        // In the magic, or in the highest byte of the length, it cannot be told from what no crash leaves.
        const isRefused = inFrame < 4 || inFrame === 7
        try {
          const journal = openJournalSync(path)
          assert.equal(isRefused, false, `byte ${at}`)
          assert.deepEqual([journal.nextLsn, journal.info.recovery.records], [from, before.length])
          journal.closeSync()
          assert.ok(readFileSync(`${path}.corrupt-${from}`).equals(bytes.subarray(from)))
        } catch (error) {
          assert.equal(isRefused, true, `byte ${at}: ${String(error)}`)
          const code = inFrame < 4 && from === 0 ? 'ERR_FSYS_NOT_A_JOURNAL' : 'ERR_FSYS_DAMAGED'
          assert.equal((error as FsysError).code, code)
          assert.deepEqual(readFileSync(path), bytes)
        }
      }
    },
  )

  test('D7: cut or wrong anywhere, a journal with a mark is refused, and untouched', quick, async (context) => {
    const path = await marked(context, HEALTHY_RECORDS)
    for (let at = 0; at < HEALTHY.length; at++) {
      const wrong = Buffer.from(HEALTHY)
      wrong[at] = (wrong[at] as number) ^ 0x80
      for (const bytes of [HEALTHY.subarray(0, at), wrong]) {
        overwrite(path, bytes)
        assert.throws(() => openJournalSync(path), { code: 'ERR_FSYS_DAMAGED' })
        assert.deepEqual(readFileSync(path), bytes)
      }
    }
    overwrite(path, HEALTHY)
    await goesOn(await openJournal(path))
    assert.deepEqual(readdirSync(dirname(path)).toSorted(), ['a.wal', 'a.wal.mark'])
  })

  test(
    'D3: what stood behind a damaged record never comes back, however exactly the new one fits',
    quick,
    async (context) => {
      const bytes = Buffer.concat([frame('kept'), damaged('wrong', 10), frame('stale')])
      const path = place(context, bytes)
      const journal = await openJournal(path)
      await journal.commit('right')
      assert.equal(statSync(path).size, journal.nextLsn)
      await journal.close()
      readsAs(path, ['kept', 'right'], 'clean-end')
    },
  )
})

suite('gaps', () => {
  /** As an older direct-mode writer left them: zeros up to a sector, and records behind them. */
  const withGap = (sector = 512): Buffer =>
    Buffer.concat([HEALTHY, Buffer.alloc(sector - HEALTHY.length), frames('behind', 'the gap')])
  const allRecords = [...HEALTHY_RECORDS, 'behind', 'the gap']

  for (const sector of [512, 4096, 2 * MIB]) {
    test(
      `D7: a gap up to ${sector} in a file without a mark is refused, until it is said what it is`,
      quick,
      async (context) => {
        const bytes = withGap(sector)
        const path = place(context, bytes)
        const error = await refuses('ERR_FSYS_AMBIGUOUS_GAP', path)
        assert.deepEqual([error.lsn, error.tailState], [52, 'truncated-header'])
        assert.match(error.message, /LSN 52.*gaps: 'cut'.*gaps: 'skip'/u)
        await refuses('ERR_FSYS_AMBIGUOUS_GAP', path, { onDamage: 'cut' })

        const skipping = await openJournal(path, { gaps: 'skip' })
        const { recovery } = skipping.info
        assert.deepEqual(
          [recovery.gaps, recovery.records, recovery.cleanEnd, recovery.bytesCut],
          [1, 5, bytes.length, 0],
        )
        assert.equal(markOf(path).gapFreeLsn, bytes.length)
        await goesOn(skipping)
        // From now on the mark says what is a gap and what is not.
        await goesOn(await openJournal(path))
        readsAs(path, [...allRecords, 'next', 'next'], 'clean-end')
        readsAs(path, [...allRecords, 'next', 'next'], 'clean-end', { gaps: 'skip' })
      },
    )

    test(`D7: a gap up to ${sector} that is cut is saved with what is behind it`, quick, async (context) => {
      const bytes = withGap(sector)
      const path = place(context, bytes)
      const journal = await openJournal(path, { gaps: 'cut' })
      const { recovery } = journal.info
      assert.deepEqual([recovery.gaps, recovery.records, recovery.cleanEnd], [0, 3, 52])
      assert.equal(recovery.savedTail?.validFrames, 2)
      assert.ok(readFileSync(`${path}.corrupt-52`).equals(bytes.subarray(52)))
      await goesOn(journal)
      readsAs(path, [...HEALTHY_RECORDS, 'next'], 'clean-end')
    })
  }

  test(
    'D3 D7: a gap in a file with a mark is what a power cut left: cut above the mark, refused below',
    quick,
    async (context) => {
      const above = await marked(context, HEALTHY_RECORDS)
      overwrite(above, withGap())
      for (const gaps of ['refuse', 'skip'] as const) {
        overwrite(above, withGap())
        const journal = await openJournal(above, { gaps })
        assert.deepEqual([journal.info.recovery.cleanEnd, journal.info.recovery.gaps], [52, 0])
        assert.equal(journal.info.recovery.savedTail?.validFrames, 2)
        await journal.close()
      }
      const below = await marked(context, [...HEALTHY_RECORDS, 'x'.repeat(1000)])
      overwrite(below, withGap())
      await refuses('ERR_FSYS_DAMAGED', below, { gaps: 'skip' })
    },
  )

  test('D3: behind a gap that was skipped, a new run of zeros is no gap', quick, async (context) => {
    const path = place(context, withGap())
    await (await openJournal(path, { gaps: 'skip' })).close()
    const size = statSync(path).size
    writeFileSync(path, Buffer.concat([Buffer.alloc(1024 - size), frames('stale')]), { flag: 'a' })
    const journal = await openJournal(path, { gaps: 'skip' })
    assert.deepEqual([journal.info.recovery.cleanEnd, journal.info.recovery.gaps], [size, 1])
    assert.equal(journal.info.recovery.savedTail?.validFrames, 1)
    await journal.close()
  })

  const noGaps: Readonly<Record<string, Buffer>> = {
    'that ends elsewhere than at a sector': Buffer.concat([
      HEALTHY,
      Buffer.alloc(513 - HEALTHY.length),
      frames('behind'),
    ]),
    'with text behind it': Buffer.concat([HEALTHY, Buffer.alloc(512 - HEALTHY.length), Buffer.from('text')]),
    'with half a magic behind it': Buffer.concat([HEALTHY, Buffer.alloc(512 - HEALTHY.length), Buffer.from('FSY')]),
  }
  for (const [what, bytes] of Object.entries(noGaps)) {
    test(`D7: a run of zeros ${what} is a torn tail, whatever the policy`, quick, async (context) => {
      for (const gaps of ['refuse', 'skip', 'cut'] as const) {
        const path = place(context, bytes)
        const journal = await openJournal(path, { gaps })
        assert.deepEqual([journal.info.recovery.cleanEnd, journal.info.recovery.records], [52, 3])
        assert.ok(readFileSync(`${path}.corrupt-52`).equals(bytes.subarray(52)))
        await journal.close()
      }
    })
  }

  test('D7: a gap that no valid record follows belongs to the tail', quick, async (context) => {
    const torn = Buffer.concat([HEALTHY, Buffer.alloc(512 - HEALTHY.length), frame('torn').subarray(0, -1)])
    const path = place(context, torn)
    await refuses('ERR_FSYS_AMBIGUOUS_GAP', path)
    for (const gaps of ['cut', 'skip'] as const) {
      const journal = await openJournal(place(context, torn), { gaps })
      assert.deepEqual([journal.info.recovery.cleanEnd, journal.info.recovery.gaps], [52, 0])
      await journal.close()
    }
  })

  test('D9: zeros that are longer than any gap are none', quick, async (context) => {
    const path = place(context, HEALTHY)
    truncateSync(path, 64 * MIB + 1024)
    writeFileSync(path, frames('behind'), { flag: 'a' })
    const journal = await openJournal(path, { gaps: 'skip' })
    assert.deepEqual([journal.info.recovery.cleanEnd, journal.info.recovery.gaps], [52, 0])
    assert.equal(journal.info.recovery.savedTail?.validFrames, 1)
    await journal.close()
  })

  test('D2: a reader goes over gaps only when told to, and counts each once', quick, (context) => {
    const bytes = Buffer.concat([withGap(), Buffer.alloc(1024 - withGap().length), frames('a', 'b')])
    const path = place(context, bytes)
    const plain = openReader(path)
    assert.equal([...plain].length, 3)
    assert.deepEqual([plain.tailState, plain.gapSuspected, plain.position], ['truncated-header', true, 52])
    plain.close()
    const skipping = openReader(path, { gaps: 'skip' })
    const found: string[] = []
    // Left after each record, so that some are walked again.
    for (let isLeft = true; isLeft;) {
      isLeft = false
      for (const { payload } of skipping) {
        found.push(payload.toString())
        isLeft = true
        break
      }
    }
    assert.deepEqual(found, [...allRecords, 'a', 'b'])
    assert.deepEqual([skipping.gapCount, skipping.tailState, skipping.gapSuspected], [2, 'clean-end', false])
    skipping.close()
  })
})

suite('saved tails', () => {
  const saved = (path: string): string[] =>
    readdirSync(dirname(path))
      .filter((name) => name.includes('corrupt'))
      .toSorted()
  const crash = (path: string, tail: string): Recovery => {
    writeFileSync(path, tail, { flag: 'a' })
    const journal = openJournalSync(path, { onDamage: 'cut' })
    const { recovery } = journal.info
    journal.closeSync()
    return recovery
  }

  test('D7: none is ever overwritten: other bytes get another name, the same bytes the same', quick, (context) => {
    const path = place(context, HEALTHY)
    assert.equal(crash(path, 'one').savedTail?.path, `${path}.corrupt-52`)
    assert.equal(crash(path, 'one').savedTail?.path, `${path}.corrupt-52`)
    assert.equal(crash(path, 'two').savedTail?.path, `${path}.corrupt-52.2`)
    assert.equal(crash(path, 'three').savedTail?.path, `${path}.corrupt-52.3`)
    assert.equal(crash(path, 'two\0\0\0').savedTail?.path, `${path}.corrupt-52.2`)
    assert.equal(crash(path, 'one').savedTail?.path, `${path}.corrupt-52`)
    assert.deepEqual(saved(path), ['a.wal.corrupt-52', 'a.wal.corrupt-52.2', 'a.wal.corrupt-52.3'])
    assert.deepEqual(
      saved(path).map((name) => readFileSync(join(dirname(path), name), 'utf8')),
      ['one', 'two', 'three'],
    )
  })

  test('D7: something else of that name is left alone', quick, (context) => {
    const path = place(context, HEALTHY)
    mkdirSync(`${path}.corrupt-52`)
    writeFileSync(`${path}.corrupt-52.2`, '')
    assert.equal(crash(path, 'tail').savedTail?.path, `${path}.corrupt-52.3`)
    assert.ok(statSync(`${path}.corrupt-52`).isDirectory())
    assert.equal(readFileSync(`${path}.corrupt-52.2`, 'utf8'), '')
  })

  test('D7 D9: a tail of many megabytes is saved whole, and compared whole', quick, (context) => {
    const path = place(context, HEALTHY)
    const tail = Buffer.alloc(5 * MIB, 'tail')
    tail.fill(0, MIB, 3 * MIB)
    assert.equal(crash(path, tail.toString('latin1')).savedTail?.bytes, tail.length)
    assert.ok(readFileSync(`${path}.corrupt-52`).equals(tail))
    tail[tail.length - 5] = 0
    assert.equal(crash(path, tail.toString('latin1')).savedTail?.path, `${path}.corrupt-52.2`)
    assert.ok(readFileSync(`${path}.corrupt-52.2`).equals(tail))
  })

  test(
    'D6 D7: saved, synced and named before the cut; the cut is synced before the first new byte',
    quick,
    async (context) => {
      const path = place(context, HEALTHY, Buffer.from('FSY'))
      const calls: StorageCall[] = []
      const journal = await openJournal(path, { storage: interposed((call) => calls.push(call)) })
      journal.append('next')
      await journal.close()
      const at = (name: string, of: string, from = 0): number => {
        const index = calls.findIndex((call, number) => number >= from && call.name === name && call.path === of)
        assert.notEqual(index, -1, `${name} of ${basename(of)} from ${from}`)
        return index
      }
      const draft = `${path}.corrupt-52.new`
      const order = [
        at('file.write', draft),
        at('file.sync', draft),
        at('rename', draft),
        at('syncDirectory', dirname(path), at('rename', draft)),
        at('file.truncate', path),
        at('file.sync', path, at('file.truncate', path)),
        calls.findIndex((call) => call.name === 'file.write' && call.path === path && Number(call.values[1]) >= 52),
      ]
      assert.deepEqual(
        order,
        order.toSorted((one, other) => one - other),
      )
      const directorySynced = at('syncDirectory', dirname(path), order[5])
      assert.ok(directorySynced < (order[6] as number), 'the name of the journal too')
    },
  )

  for (const failing of ['open', 'file.write', 'file.sync', 'rename', 'syncDirectory']) {
    test(`D7: if saving fails at ${failing}, open fails and the file is untouched`, quick, async (context) => {
      const bytes = Buffer.concat([HEALTHY, frame('torn').subarray(0, -1)])
      const path = place(context, bytes)
      const files = new OpenFiles()
      const storage = interposed((call) => {
        const isOfTail = call.path.includes('.corrupt-') || call.name === 'syncDirectory'
        if (isOfTail && call.name === failing) throw systemError('ENOSPC', -28)
      }, files.count)
      for (const opening of [
        () => openJournal(path, { storage }),
        () => rejected(() => openJournalSync(path, { storage })),
      ]) {
        const error = (await opening().catch((failure: unknown) => failure)) as FsysError
        assert.equal(error.code, 'ERR_FSYS_TAIL_NOT_SAVED', String(error))
        assert.deepEqual(
          [error.errno, error.lsn, error.tailState, error.path],
          ['ENOSPC', 52, 'truncated-payload', path],
        )
        assert.deepEqual(readFileSync(path), bytes)
        // What has its name already is whole, and serves the next attempt.
        const expected = failing === 'syncDirectory' ? ['a.wal', 'a.wal.corrupt-52'] : ['a.wal']
        assert.deepEqual(readdirSync(dirname(path)).toSorted(), expected)
        assert.equal(files.open, 0)
      }
      const journal = await openJournal(path)
      assert.equal(journal.info.recovery.savedTail?.path, `${path}.corrupt-52`)
      await goesOn(journal)
    })
  }

  test('D7: if something is in the way of saving, open fails and the file is untouched', quick, async (context) => {
    const path = place(context, HEALTHY, Buffer.from('FSY'))
    mkdirSync(`${path}.corrupt-52.new`)
    await refuses('ERR_FSYS_TAIL_NOT_SAVED', path)
  })

  for (const kind of ['tmpfs', 'ext4'] as const) {
    test(`D7: if ${kind} has no room for a tail, open fails and the file is untouched`, quick, async (context) => {
      const directory = mountSmall(context, kind, 8)
      if (directory === undefined) return
      const path = join(directory, 'a.wal')
      const bytes = Buffer.concat([HEALTHY, frame(Buffer.alloc(5 * MIB, 't')).subarray(0, -1)])
      writeFileSync(path, bytes)
      const error = await refuses('ERR_FSYS_TAIL_NOT_SAVED', path)
      assert.equal(error.errno, 'ENOSPC')
      assert.ok(readFileSync(path).equals(bytes))
    })
  }
})

suite('searching a tail', () => {
  test('D7: valid frames are counted wherever they begin, of any size', quick, async (context) => {
    const pieces = [
      Buffer.from('x'),
      frames('one', 'two'),
      Buffer.from('FSFSYFSY\u0001'),
      frame('three'),
      Buffer.alloc(MIB - 100, 'y'),
      frame('four'),
      frame(Buffer.alloc(200)),
      frame(Buffer.alloc(3 * MIB, 'large')),
      Buffer.alloc(3),
      frame(Buffer.alloc(MIB, 'z')),
      frame(''),
      Buffer.from('FSY\u0001'),
    ]
    const path = place(context, HEALTHY, ...pieces)
    const journal = await openJournal(path, { onDamage: 'cut' })
    const { savedTail } = journal.info.recovery
    assert.deepEqual([savedTail?.validFrames, savedTail?.isAtLeast], [8, false])
    await journal.close()
  })

  test('D7: a frame at each position around the end of a chunk is found', quick, (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    for (let distance = 0; distance < 40; distance++) {
      clear(path)
      writeFileSync(
        path,
        Buffer.concat([HEALTHY, Buffer.alloc(MIB - distance, 'y'), frames('found', 'too'), Buffer.from('z')]),
      )
      const journal = openJournalSync(path, { onDamage: 'cut' })
      assert.equal(journal.info.recovery.savedTail?.validFrames, 2, `${distance} bytes before it`)
      journal.closeSync()
    }
  })

  const TAIL_BYTES = 4 * MIB
  /** Headers, so many bytes apart, that claim so many bytes. */
  const headers = (distance: number, claim: (position: number) => number): Buffer => {
    const bytes = Buffer.alloc(TAIL_BYTES, 'a')
    for (let position = 0; position + 8 <= bytes.length; position += distance) {
      bytes.write('FSY\u0001', position, 'latin1')
      bytes.writeUInt32LE(Math.max(0, claim(position)), position + 4)
    }
    return bytes
  }
  const adversaries: Readonly<Record<string, Buffer>> = {
    'headers that claim all that is left': headers(8, (position) => TAIL_BYTES - position - 12),
    'headers that claim a little more than a chunk': headers(8, () => MIB),
    'headers that claim a chunk': headers(8, () => MIB - 12),
    'headers that claim half a chunk': headers(8, () => MIB / 2),
    'headers that claim up to the end of their chunk': headers(8, (position) => MIB - (position % MIB)),
    'headers that claim a kilobyte': headers(8, () => 1000),
    'headers that claim nothing': headers(8, () => 0),
    'headers that claim more than there is': headers(8, () => TAIL_BYTES),
    'headers that claim more than the format allows': headers(8, () => 2 ** 32 - 1),
    'half headers': Buffer.alloc(TAIL_BYTES, 'FSY'),
    'beginnings of headers': Buffer.alloc(TAIL_BYTES, 'F'),
  }
  for (const [what, tail] of Object.entries(adversaries)) {
    test(`D7 D9: ${what}: at most four times the tail is checksummed`, quick, async (context) => {
      const path = place(context, HEALTHY, Buffer.from('x'), tail)
      const memory = new CountingPool()
      let bytesRead = 0
      const storage = interposed(({ name, values }) => {
        if (name === 'file.read') bytesRead += (values[0] as Uint8Array).length
      })
      const journal = await openJournal(path, { onDamage: 'cut', memory, storage })
      const { savedTail } = journal.info.recovery
      await journal.close()
      assert.equal(savedTail?.validFrames, 0)
      // And a few chunks, in which it was found where the tail begins.
      assert.ok(memory.bytes <= 4 * TAIL_BYTES + 3 * MIB, `${memory.bytes} bytes checksummed`)
      assert.ok(bytesRead <= 20 * TAIL_BYTES, `${bytesRead} bytes read`)
      assert.ok(readFileSync(`${path}.corrupt-52`).equals(withoutZeros(Buffer.concat([Buffer.from('x'), tail]))))
    })
  }

  test('D7: a search that was given up says so', quick, async (context) => {
    const path = place(
      context,
      HEALTHY,
      Buffer.from('x'),
      frames('one', 'two'),
      adversaries['headers that claim a chunk'] as Buffer,
    )
    const journal = await openJournal(path, { onDamage: 'cut' })
    const { savedTail } = journal.info.recovery
    assert.deepEqual([savedTail?.validFrames, savedTail?.isAtLeast], [2, true])
    await journal.close()
  })
})

suite('the mark', () => {
  test('D6: a new journal has a mark that is bound to it, and close brings it up to date', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const journal = await openJournal(path)
    const { ino, birthtimeNs } = statSync(path, { bigint: true })
    const { sequence, ...mark } = markOf(path)
    assert.deepEqual(mark, { inode: ino, birthTime: birthtimeNs, gapFreeLsn: 0, durableLsn: 0 })
    assert.equal(statSync(`${path}.mark`).size, 8192)
    await journal.commit('hello')
    await journal.close()
    assert.ok(markOf(path).sequence > sequence)
    assert.equal(markOf(path).durableLsn, 17)
    const again = await openJournal(path)
    assert.equal(again.info.recovery.bytesRewritten, 0, 'all of it was confirmed')
    await again.close()
  })

  test('D6: it follows within a moment, and never says more than was confirmed', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const journal = await openJournal(path)
    context.after(() => journal.close())
    for (let round = 0; round < 3; round++) {
      await journal.commit('x'.repeat(100))
      journal.append('only staged')
      assert.ok(markOf(path).durableLsn <= journal.durableLsn)
      for (let waits = 0; markOf(path).durableLsn < journal.durableLsn; waits++) {
        assert.ok(waits < 500, 'it should have been written after 100 ms')
        await sleep(10)
      }
      assert.equal(markOf(path).durableLsn, journal.durableLsn)
    }
    // After 16 MiB it does not wait.
    const before = markOf(path).sequence
    journal.append(Buffer.alloc(16 * MIB))
    await journal.syncThrough(journal.nextLsn)
    assert.ok(markOf(path).sequence > before)
    assert.equal(markOf(path).durableLsn, journal.durableLsn)
  })

  for (const isDirect of [true, false]) {
    const way = isDirect ? 'past the page cache' : 'where there is no way past the page cache'
    test(`D6: ${way}, what it does not vouch for is written again in place and synced`, quick, async (context) => {
      const path = await marked(context, HEALTHY_RECORDS)
      writeFileSync(path, frames('behind the mark', 'and more'), { flag: 'a' })
      const size = statSync(path).size
      const writes: number[][] = []
      let hasDirect = false
      const storage = interposed(
        ({ name, path: of, values }) => {
          if (name === 'open' && values[1] === 'direct' && !isDirect) throw systemError('EINVAL', -22)
          if (name === 'file.write' && of === path) writes.push([Number(values[1]), (values[0] as Buffer).length])
          if (name === 'file.sync' && of === path) writes.push([])
        },
        ({ name, values }) => (hasDirect ||= name === 'open' && values[1] === 'direct'),
      )
      const journal = await openJournal(path, { storage })
      assert.deepEqual(writes, [hasDirect ? [0, 4096] : [52, size - 52], []])
      assert.equal(statSync(path).size, size)
      assert.equal(journal.info.recovery.bytesRewritten, size - 52)
      await journal.close()
      unlinkSync(`${path}.mark`)
      const unmarked = await openJournal(path)
      assert.equal(unmarked.info.recovery.bytesRewritten, size)
      assert.equal(unmarked.info.mark.inUse, 'on', 'it gets a new one')
      await unmarked.close()
      assert.equal(markOf(path).durableLsn, size)
      readsAs(path, [...HEALTHY_RECORDS, 'behind the mark', 'and more'], 'clean-end')
    })
  }

  for (const isMarked of [true, false]) {
    const beside = isMarked ? 'with a mark' : 'without a mark'
    test(
      `D6: ${beside}, a page that is dropped from the cache between two reads is not confirmed`,
      quick,
      async (context) => {
        const path = await marked(context, HEALTHY_RECORDS)
        const records = Array.from({ length: 5 }, (_, number) => Buffer.alloc(300_000, `${number}`))
        writeFileSync(path, frames(...records), { flag: 'a' })
        if (!isMarked) unlinkSync(`${path}.mark`)
        const size = statSync(path).size
        // A failed sync has left these bytes in the cache alone.
        const lost = { from: size - 700_000, bytes: 4096 }
        const whole = readFileSync(path)
        let reads = 0
        const storage = interposed(({ name, path: of, values }) => {
          const [target, position] = values as [Buffer, number]
          if (name !== 'file.read' || of !== path) return
          if (position > lost.from || position + target.length < lost.from || ++reads !== 2) return
          overwrite(path, Buffer.from(whole).fill(0, lost.from, lost.from + lost.bytes))
        })
        for (const opening of [
          () => openJournal(path, { storage }),
          () => rejected(() => openJournalSync(path, { storage })),
        ]) {
          reads = 0
          overwrite(path, whole)
          const error = (await opening().catch((failure: unknown) => failure)) as FsysError
          assert.deepEqual([error.code, error.lsn], ['ERR_FSYS_CHANGED', size - 3 * 300_012], String(error))
          assert.equal(existsSync(`${path}.lock`), false)
        }
        const journal = await openJournal(path)
        assert.deepEqual(
          [journal.info.recovery.cleanEnd, journal.info.recovery.savedTail?.validFrames],
          [size - 3 * 300_012, 2],
        )
        await goesOn(journal)
      },
    )
  }

  test('D6: a mark that is not where a record ends is no reason to refuse', quick, async (context) => {
    const path = await marked(context, HEALTHY_RECORDS)
    writeFileSync(`${path}.mark`, slots({ ...markOf(path), durableLsn: 30 }))
    const journal = await openJournal(path)
    assert.equal(journal.info.recovery.bytesRewritten, 22)
    await goesOn(journal)
  })

  const useless: Readonly<Record<string, (mark: Buffer, parts: Mark) => Buffer>> = {
    'that is empty': () => Buffer.alloc(0),
    'of zeros': () => Buffer.alloc(8192),
    'of garbage': () => Buffer.alloc(8192, 'garbage'),
    'that is cut off': (mark) => mark.subarray(0, 60),
    'with wrong checksums': (mark) => flipped(flipped(mark, 63), 4096 + 63),
    'of another inode': (_, parts) => slots({ ...parts, inode: parts.inode + 1n }),
    'of another birth time': (_, parts) => slots({ ...parts, birthTime: parts.birthTime + 1n }),
  }
  for (const [what, change] of Object.entries(useless)) {
    test(`D7: a mark ${what} proves nothing, and is replaced`, quick, async (context) => {
      const path = await marked(context, HEALTHY_RECORDS)
      writeFileSync(`${path}.mark`, change(readFileSync(`${path}.mark`), markOf(path)))
      overwrite(path, HEALTHY.subarray(0, 40))
      const journal = await openJournal(path)
      assert.deepEqual([journal.info.recovery.cleanEnd, journal.info.mark.inUse], [35, 'on'])
      assert.deepEqual([journal.info.recovery.bytesRewritten, journal.info.recovery.isBelowMark], [35, false])
      await goesOn(journal)
      assert.equal(markOf(path).durableLsn, statSync(path).size)
    })
  }

  test('D7: a missing mark proves nothing, and is made', quick, async (context) => {
    const path = await marked(context, HEALTHY_RECORDS)
    unlinkSync(`${path}.mark`)
    overwrite(path, HEALTHY.subarray(0, 40))
    const journal = await openJournal(path)
    assert.equal(journal.info.recovery.cleanEnd, 35)
    await goesOn(journal)
    assert.equal(markOf(path).durableLsn, statSync(path).size)
  })

  test('D7: torn in either slot, the other one counts', quick, async (context) => {
    for (const slot of [0, 1]) {
      const path = await marked(context, HEALTHY_RECORDS)
      const parts = markOf(path)
      // The newer slot says 52, the older 17.
      const both = slots(parts)
      const older = 1 - (parts.sequence % 2)
      encodeMark({ ...parts, sequence: parts.sequence - 1, durableLsn: 17 }).copy(both, older * 4096)
      writeFileSync(`${path}.mark`, flipped(both, slot * 4096 + 20))
      overwrite(path, HEALTHY.subarray(0, 40))
      if (slot === older) {
        await refuses('ERR_FSYS_DAMAGED', path)
        continue
      }
      const journal = await openJournal(path)
      assert.deepEqual([journal.info.recovery.cleanEnd, journal.info.recovery.bytesRewritten], [35, 18])
      await goesOn(journal)
      // Both slots of it have been whole again since.
      const bytes = readFileSync(`${path}.mark`)
      assert.ok(decodeMark(bytes) ?? decodeMark(bytes.subarray(4096)))
    }
  })

  const losses: Readonly<Record<string, (path: string) => void>> = {
    'is emptied in place': (path) => truncateSync(path, 0),
    'is all zeros': (path) => overwrite(path, Buffer.alloc(52)),
    'is overwritten in place by an older copy': (path) => overwrite(path, HEALTHY.subarray(0, 35)),
    'is overwritten in place by text': (path) =>
      overwrite(path, Buffer.from('dear diary, today it rained, and I lost my journal')),
    'has lost a page': (path) =>
      overwrite(path, Buffer.concat([HEALTHY.subarray(0, 20), Buffer.alloc(15), HEALTHY.subarray(35)])),
  }
  for (const [what, lose] of Object.entries(losses)) {
    test(`D7: a journal that ${what} is refused, and starts over only when asked to`, quick, async (context) => {
      const path = await marked(context, HEALTHY_RECORDS)
      lose(path)
      const bytes = readFileSync(path)
      const error = await refuses('ERR_FSYS_DAMAGED', path)
      assert.match(error.message, /was once confirmed/u)
      const calls: StorageCall[] = []
      const journal = await openJournal(path, { onDamage: 'cut', storage: interposed((call) => calls.push(call)) })
      const { recovery } = journal.info
      assert.equal(recovery.isBelowMark, true)
      assert.deepEqual(bytes.subarray(0, recovery.cleanEnd), HEALTHY.subarray(0, recovery.cleanEnd))
      const tail = withoutZeros(bytes.subarray(recovery.cleanEnd))
      if (tail.length > 0) assert.deepEqual(readFileSync(recovery.savedTail?.path ?? ''), tail)
      // Both slots say so, durably, before anything is cut off.
      const names = calls
        .filter((call) => call.path === `${path}.mark` && /write|sync/u.test(call.name))
        .map(({ name }) => name)
      assert.deepEqual(names.slice(0, 3), ['file.write', 'file.write', 'file.sync'])
      const cut = calls.findIndex((call) => call.name === 'file.truncate')
      const synced = calls.findIndex((call) => call.name === 'file.sync' && call.path === `${path}.mark`)
      if (cut !== -1) assert.ok(synced < cut)
      await goesOn(journal)
      await goesOn(await openJournal(path))
    })
  }

  test('D7: a copied, restored or replaced journal never trips over the mark of another', quick, async (context) => {
    const path = await marked(context, HEALTHY_RECORDS)
    const directory = dirname(path)
    const torn = HEALTHY.subarray(0, 40)

    const copy = join(temporaryDirectory(context), 'copy')
    cpSync(directory, copy, { recursive: true, preserveTimestamps: true })
    overwrite(join(copy, 'a.wal'), torn)
    const copied = await openJournal(join(copy, 'a.wal'))
    assert.equal(copied.info.recovery.cleanEnd, 35)
    await goesOn(copied)

    writeFileSync(`${path}.backup`, torn)
    renameSync(`${path}.backup`, path)
    const restored = await openJournal(path)
    assert.equal(restored.info.recovery.cleanEnd, 35)
    await goesOn(restored)

    unlinkSync(path)
    const recreated = await openJournal(path)
    assert.equal(recreated.info.recovery.cleanEnd, 0)
    await goesOn(recreated)
  })

  test('D7: a journal that was moved with its mark is still guarded by it', quick, async (context) => {
    const path = await marked(context, HEALTHY_RECORDS)
    const moved = join(dirname(path), 'moved.wal')
    renameSync(path, moved)
    renameSync(`${path}.mark`, `${moved}.mark`)
    truncateSync(moved, 40)
    await refuses('ERR_FSYS_DAMAGED', moved)
  })

  test('D7: a mark that cannot be written is off, visibly, and fails no commit', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    let isBroken = false
    const storage = interposed(({ name, path: of }) => {
      if (isBroken && name === 'file.write' && of.includes('.mark')) throw systemError('ENOSPC', -28)
    })
    const journal = await openJournal(path, { storage })
    assert.deepEqual(journal.info.mark, { inUse: 'on' })
    isBroken = true
    await journal.commit('hello')
    await journal.commit('x'.repeat(17 * MIB))
    assert.equal(journal.info.mark.inUse, 'off')
    assert.match(journal.info.mark.reason ?? '', /ENOSPC/u)
    const lsn = await journal.commit('and on')
    await journal.close()
    const again = await openJournal(path)
    assert.equal(again.nextLsn, lsn)
    await again.close()
  })

  test('D7: where there are no birth times there is no mark, and info says so', quick, async (context) => {
    const directory = mountSmall(context, 'ext4 without birth times', 8)
    if (directory === undefined) return
    const path = join(directory, 'a.wal')
    const journal = await openJournal(path)
    assert.equal(journal.info.mark.inUse, 'off')
    assert.match(journal.info.mark.reason ?? '', /birth time/u)
    await journal.commit('hello')
    await journal.close()
    assert.equal(existsSync(`${path}.mark`), false)
  })
})

suite('an open that does not come to its end', () => {
  interface Case {
    /** What stands in the file. */
    readonly bytes: Buffer
    readonly isMarked: boolean
    readonly options: JournalOptions
    readonly cleanEnd: number
  }
  const torn = Buffer.concat([HEALTHY, frame('torn').subarray(0, -1)])
  const gap = Buffer.concat([HEALTHY, Buffer.alloc(512 - HEALTHY.length), frames('behind')])
  const cases: Readonly<Record<string, Case>> = {
    'of nothing': { bytes: Buffer.alloc(0), isMarked: false, options: {}, cleanEnd: 0 },
    'of a torn tail': { bytes: torn, isMarked: false, options: {}, cleanEnd: 52 },
    'of a torn tail above a mark': { bytes: torn, isMarked: true, options: {}, cleanEnd: 52 },
    'of damage below a mark': {
      bytes: Buffer.concat([HEALTHY.subarray(0, 35), Buffer.from('x'), HEALTHY.subarray(36)]),
      isMarked: true,
      options: { onDamage: 'cut' },
      cleanEnd: 35,
    },
    'of a gap that is skipped': { bytes: gap, isMarked: false, options: { gaps: 'skip' }, cleanEnd: gap.length },
    'of a gap that is cut': { bytes: gap, isMarked: false, options: { gaps: 'cut' }, cleanEnd: 52 },
  }
  for (const [what, { bytes, isMarked, options, cleanEnd }] of Object.entries(cases)) {
    test(
      `D2 D6 D7: ${what}: killed at any call, the next one does the same, and nothing is lost`,
      quick,
      async (context) => {
        for (let dying = 1, isReached = true; isReached; dying++) {
          const path = isMarked ? await marked(context, HEALTHY_RECORDS) : place(context)
          overwrite(path, bytes)
          let made = 0
          const files = new OpenFiles()
          const storage = interposed(({ name }) => {
            // The dead do nothing more, but what they had open is closed.
            if (++made >= dying && name !== 'file.close') throw new Error('killed')
          }, files.count)
          const journal = await openJournal(path, { ...options, storage }).catch((error: unknown) => {
            assert.match(String(error), /killed/u)
          })
          isReached = journal === undefined
          await journal?.close()
          assert.equal(files.open, 0)
          for (const name of readdirSync(dirname(path)))
            if (name.includes('.lock')) unlinkSync(join(dirname(path), name))

          const next = await openJournal(path, options)
          assert.equal(next.nextLsn, cleanEnd, `call ${dying}`)
          const tail = withoutZeros(bytes.subarray(cleanEnd))
          const saved = readdirSync(dirname(path)).filter((name) => /corrupt-\d+(\.\d+)?$/u.test(name))
          assert.deepEqual(saved, tail.length === 0 ? [] : [`a.wal.corrupt-${cleanEnd}`], `call ${dying}`)
          if (tail.length > 0) assert.deepEqual(readFileSync(`${path}.corrupt-${cleanEnd}`), tail)
          assert.deepEqual(readFileSync(path), bytes.subarray(0, cleanEnd))
          await goesOn(next)
          assert.equal(markOf(path).durableLsn, statSync(path).size)
        }
      },
    )
  }
})

/** A journal file of these bytes, and nothing beside it. */
function place(context: TestContext, ...bytes: readonly Buffer[]): string {
  const path = join(temporaryDirectory(context), 'a.wal')
  writeFileSync(path, Buffer.concat(bytes))
  return path
}

/** A journal with these records, all confirmed, and a mark that says so. */
async function marked(context: TestContext, records: readonly string[]): Promise<string> {
  const path = join(temporaryDirectory(context), 'a.wal')
  const journal = await openJournal(path)
  journal.appendBatch(records)
  await journal.close()
  if (journal.info.mark.reason !== 'the journal is closed')
    context.skip(`there is no mark here: ${journal.info.mark.reason}`)
  assert.equal(markOf(path).durableLsn, journal.durableLsn)
  return path
}

/** Changes what a file holds, not which file it is. */
function overwrite(path: string, bytes: Buffer): void {
  writeFileSync(path, bytes, { flag: 'r+' })
  truncateSync(path, bytes.length)
}

function clear(path: string): void {
  for (const name of readdirSync(dirname(path))) unlinkSync(join(dirname(path), name))
}

function withoutZeros(bytes: Buffer): Buffer {
  let length = bytes.length
  while (length > 0 && bytes[length - 1] === 0) length--
  return bytes.subarray(0, length)
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] as number) ^ 1
  return copy
}

/** A mark file with this in both slots. */
function slots(mark: Mark): Buffer {
  const bytes = Buffer.alloc(8192)
  for (const sequence of [mark.sequence, mark.sequence - 1])
    encodeMark({ ...mark, sequence }).copy(bytes, (sequence % 2) * 4096)
  return bytes
}

/** What the newer slot of a journal's mark says. */
function markOf(path: string): Mark {
  const bytes = readFileSync(`${path}.mark`)
  const [first, second] = [decodeMark(bytes), decodeMark(bytes.subarray(4096))]
  const mark = first === undefined || (second !== undefined && second.sequence > first.sequence) ? second : first
  assert.ok(mark)
  return mark
}

/** A reader gives out these records, and stops in this way. */
function readsAs(path: string, records: readonly string[], state: TailState, options?: { gaps: 'skip' }): void {
  const reader = openReader(path, options)
  assert.deepEqual(
    Array.from(reader, ({ payload }) => payload.toString()),
    records,
  )
  assert.equal(reader.tailState, state)
  reader.close()
}

/** Both ways of opening fail, and change nothing. */
async function refuses(code: FsysError['code'], path: string, options?: JournalOptions): Promise<FsysError> {
  const directory = dirname(path)
  const before = [readdirSync(directory), readFileSync(path)]
  const errors = [
    await openJournal(path, options).catch((error: unknown) => error),
    await rejected(() => openJournalSync(path, options)).catch((error: unknown) => error),
  ] as FsysError[]
  assert.deepEqual(
    errors.map((error) => error.code),
    [code, code],
    String(errors[0]),
  )
  assert.deepEqual([readdirSync(directory), readFileSync(path)], before)
  return errors[0] as FsysError
}

function rejected(work: () => unknown): Promise<unknown> {
  return new Promise((resolve) => {
    resolve(work())
  })
}

/** Takes one more record, and is then found whole. */
async function goesOn(journal: Journal): Promise<void> {
  const { path } = journal.info
  const lsn = await journal.commit('next')
  await journal.close()
  assert.equal(statSync(path).size, lsn)
  const again = await openJournal(path)
  assert.deepEqual([again.nextLsn, again.info.recovery.tailState, again.info.recovery.bytesCut], [lsn, 'clean-end', 0])
  await again.close()
}

/** Counts what is checksummed. */
class CountingPool extends KernelPool {
  bytes = 0

  override acquire(areaBytes: number): Kernel {
    const kernel = super.acquire(areaBytes)
    const count = (start: number, end: number): void => {
      this.bytes += end - start
    }
    return new Proxy(kernel, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target)
        if (key === 'scan') return (start: number, end: number) => (count(start, end), target.scan(start, end))
        if (key === 'checksum') {
          return (crc: number, start: number, end: number) => (count(start, end), target.checksum(crc, start, end))
        }
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  }

  override release(): void {
    // It lends what the shared pool does not know.
  }
}
