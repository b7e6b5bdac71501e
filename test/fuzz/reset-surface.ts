import { FsysError } from '#src/errors.js'
import { type ResetReport, reset } from '#src/journal/reset.js'
import { Random } from '#src/storage/sim/random.js'
import { runSync } from '#src/storage/steps.js'

import { must } from '../sim/model.js'
import { JOURNAL_BIRTH_TIME, JOURNAL_INODE } from './input.js'
import { makeJournal } from './make-journal.js'
import { makeMark } from './make-mark.js'
import { MemoryStorage } from './memory-storage.js'
import { markOf } from './reference-mark.js'
import { framesIn, judge, savedBytes } from './reference-recovery.js'
import { smallKernels } from './small-kernels.js'
import type { Surface } from './surface.js'

const PATH = '/fuzz/app.wal'

/** `fsys reset` of any bytes: empties the journal, and has saved all of them before. */
export const resetSurface: Surface = {
  name: 'reset',
  make(random, bases) {
    const journal = makeJournal(random, bases)
    return {
      journal,
      beside: random.chance(0.5) ? { '.mark': makeMark(random, journal) } : {},
      choices: random.bits(),
    }
  },
  check({ journal, beside, choices }, tally) {
    const random = new Random(choices)
    const storage = new MemoryStorage()
    storage.put(PATH, journal)
    for (const [suffix, bytes] of Object.entries(beside)) storage.put(PATH + suffix, bytes)
    const before = storage.snapshot()
    const force = random.chance(0.5)
    const memory = smallKernels(random)
    const mark = markOf(beside['.mark'], JOURNAL_INODE, JOURNAL_BIRTH_TIME)
    const { refusal } = judge(journal, mark, { gaps: 'skip', onDamage: 'cut' })
    let report: ResetReport
    try {
      report = runSync(reset(PATH, { storage, memory, force, fileMode: 0o600 }))
    } catch (error) {
      if (!(error instanceof FsysError)) throw error
      const isRight = error.code === 'ERR_FSYS_NOT_A_JOURNAL' && refusal === error.code && !force
      must(isRight, 'D7', () => `${error.code}: ${error.message}`)
      const after = storage.snapshot()
      const isSame = [...before].every(([path, bytes]) => after.get(path)?.equals(bytes)) && after.size === before.size
      must(isSame, 'D7', () => 'refused, but something has changed')
      tally.add(`refused: ${error.code}`)
      return
    }
    must(force || refusal !== 'ERR_FSYS_NOT_A_JOURNAL', 'D7', () => 'what is no journal was emptied')
    must(storage.image(PATH)?.length === 0, 'D7', () => 'the journal is not empty')
    const expected = savedBytes(journal)
    const saved = report.saved === undefined ? undefined : storage.image(report.saved.path)
    must((saved === undefined) === (expected === undefined), 'D7', () => `saved: ${report.saved?.path}`)
    if (saved !== undefined && expected !== undefined) {
      must(saved.subarray(0, expected.length).equals(expected), 'D7', () => 'other bytes were saved')
      const { frames } = framesIn(journal)
      const isCounted = report.saved?.isAtLeast === true || report.saved?.validFrames === frames
      must(isCounted, 'D7', () => `${report.saved?.validFrames} valid frames, not ${frames}`)
      tally.add('saved')
    }
    const after = markOf(storage.image(`${PATH}.mark`), JOURNAL_INODE, JOURNAL_BIRTH_TIME)
    const isWornOut = (mark?.sequence ?? 0n) > 2n ** 52n - 10n
    must(after?.durableLsn === 0n || isWornOut, 'D7', () => `the mark says ${after?.durableLsn} of an empty journal`)
    must(storage.counts.openFiles === 0, 'D9', () => 'files are still open')
  },
  goals: ['saved', 'refused: ERR_FSYS_NOT_A_JOURNAL'],
}
