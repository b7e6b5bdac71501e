import { FsysError } from '#src/errors.js'
import type { Journal } from '#src/journal/journal.js'
import { openJournal, openJournalSync } from '#src/journal/open-journal.js'
import { openReader } from '#src/journal/reader.js'
import type { Recovery } from '#src/journal/recovery.js'
import { Random } from '#src/storage/sim/random.js'

import { must } from '../sim/model.js'
import { referenceFrame } from '../sim/reference.js'
import { type Input, JOURNAL_BIRTH_TIME, JOURNAL_INODE } from './input.js'
import { makeJournal } from './make-journal.js'
import { makeMark } from './make-mark.js'
import { MemoryStorage } from './memory-storage.js'
import { type ReferenceMark, markOf } from './reference-mark.js'
import { type Judgement, type Policies, framesIn, judge, savedBytes } from './reference-recovery.js'
import { walk } from './reference-walk.js'
import { type SmallKernels, smallKernels } from './small-kernels.js'
import { type Surface, TAIL_STATES, type Tally } from './surface.js'

const PATH = '/fuzz/app.wal'

/** `openJournal` on any bytes, with any mark: it refuses and touches nothing, or goes on at the clean end and loses nothing. */
export const recoverySurface: Surface = {
  name: 'recovery',
  make(random, bases) {
    const journal = makeJournal(random, bases)
    const beside: Record<string, Buffer> = {}
    if (random.chance(0.5)) beside['.mark'] = makeMark(random, journal)
    if (random.chance(0.1)) {
      const { position } = walk(journal, 0, 0)
      beside[`.corrupt-${position}`] = random.chance(0.5) ? journal.subarray(position) : Buffer.from('of old')
    }
    return { journal, beside, choices: random.bits() }
  },
  check(input, tally) {
    const random = new Random(input.choices)
    const isWaiting = random.chance(0.2)
    const opening = new CheckedOpening(input, random, tally)
    return isWaiting ? opening.runWaiting() : opening.runBlocking()
  },
  goals: [
    ...TAIL_STATES.map((state) => `opened at ${state}`),
    'refused: ERR_FSYS_NOT_A_JOURNAL',
    'refused: ERR_FSYS_AMBIGUOUS_GAP',
    'refused: ERR_FSYS_DAMAGED',
    'gaps crossed',
    'tail saved',
    'valid frames in a saved tail',
    'search for valid frames given up',
    'cut below the mark',
    'below nothing but a mark: refused',
    'mark kept',
    'waiting',
  ],
}

class CheckedOpening {
  readonly #input: Input
  readonly #random: Random
  readonly #tally: Tally
  readonly #storage = new MemoryStorage()
  readonly #pool: SmallKernels
  readonly #policies: Policies
  readonly #mark: ReferenceMark | undefined
  readonly #judgement: Judgement
  readonly #before: ReadonlyMap<string, Buffer>

  constructor(input: Input, random: Random, tally: Tally) {
    this.#input = input
    this.#random = random
    this.#tally = tally
    const storage = this.#storage
    if (random.chance(0.05)) storage.birthTime = 0n
    storage.put(PATH, input.journal)
    for (const [suffix, bytes] of Object.entries(input.beside)) storage.put(PATH + suffix, bytes)
    if (random.chance(0.1)) storage.shortReads = random
    this.#pool = smallKernels(random)
    this.#policies = {
      gaps: (['refuse', 'skip', 'cut'] as const)[random.below(3)] ?? 'refuse',
      onDamage: random.chance(0.5) ? 'refuse' : 'cut',
    }
    this.#mark = markOf(input.beside['.mark'], JOURNAL_INODE, storage.birthTime)
    this.#judgement = judge(input.journal, this.#mark, this.#policies)
    this.#before = storage.snapshot()
  }

  runBlocking(): void {
    let journal: Journal
    try {
      journal = openJournalSync(PATH, this.#options)
    } catch (error) {
      return this.#isRefusal(error)
    }
    this.#isRight(journal.info.recovery)
    const appended = this.#append(journal)
    journal.closeSync()
    this.#holds(appended)
  }

  async runWaiting(): Promise<void> {
    this.#tally.add('waiting')
    let journal: Journal
    try {
      journal = await openJournal(PATH, this.#options)
    } catch (error) {
      return this.#isRefusal(error)
    }
    this.#isRight(journal.info.recovery)
    const appended = this.#append(journal)
    await journal.close()
    this.#holds(appended)
  }

  get #options(): Policies & Parameters<typeof openJournalSync>[1] {
    return { ...this.#policies, storage: this.#storage, memory: this.#pool, logBufferBytes: 4096 }
  }

  /** D7: the code and the place are right, and nothing has changed. */
  #isRefusal(error: unknown): void {
    const { found, refusal, isBelowMark } = this.#judgement
    if (!(error instanceof FsysError)) throw error
    must(
      error.code === refusal,
      'D7',
      () => `${error.code} instead of ${refusal ?? 'an open journal'}: ${error.message}`,
    )
    must(error.lsn === found.position, 'D7', () => `it names LSN ${error.lsn}, not ${found.position}`)
    must(error.tailState === found.tailState, 'D7', () => `it says ${error.tailState}, not ${found.tailState}`)
    const after = this.#storage.snapshot()
    must(after.size === this.#before.size, 'D7', () => `there are ${after.size} files, not ${this.#before.size}`)
    this.#areUntouched(this.#before.keys())
    this.#isLetGo()
    this.#tally.add(`refused: ${error.code}`)
    if (isBelowMark && found.tailState === 'clean-end') this.#tally.add('below nothing but a mark: refused')
  }

  /** D2, D6, D7: it goes on at the clean end, and says what it has found and done. */
  #isRight(recovery: Recovery): void {
    const { journal } = this.#input
    const { found, refusal, isBelowMark } = this.#judgement
    must(refusal === undefined, 'D7', () => `opened, but it must be refused: ${refusal}`)
    const { tailState, cleanEnd, records, gaps, bytesCut } = recovery
    must(cleanEnd === found.position, 'D6', () => `the clean end is ${cleanEnd}, not ${found.position}`)
    must(tailState === found.tailState, 'D6', () => `the tail state is ${tailState}, not ${found.tailState}`)
    must(records === found.records.length, 'D2', () => `${records} records, not ${found.records.length}`)
    must(gaps === found.gaps, 'D2', () => `${gaps} gaps, not ${found.gaps}`)
    must(bytesCut === journal.length - cleanEnd, 'D7', () => `${bytesCut} bytes were cut off`)
    must(recovery.isBelowMark === isBelowMark, 'D7', () => `below the mark: ${recovery.isBelowMark}`)
    this.#isSaved(recovery)
    const bytes = this.#storage.image(PATH) as Buffer
    must(bytes.equals(journal.subarray(0, cleanEnd)), 'D6', () => 'the file is not what was valid in it')
    const bytesRead = this.#storage.files.get(PATH)?.bytesRead ?? 0
    must(bytesRead <= READ_FACTOR * journal.length + 8, 'D9', () => `${bytesRead} bytes read of ${journal.length}`)
    this.#tally.add(`opened at ${tailState}`)
    if (gaps > 0) this.#tally.add('gaps crossed')
    if (isBelowMark) this.#tally.add('cut below the mark')
    if (this.#mark !== undefined) this.#tally.add('mark kept')
  }

  /** D7: what was cut off stands beside the journal, and nothing that stood there is lost. */
  #isSaved({ cleanEnd, savedTail }: Recovery): void {
    const tail = this.#input.journal.subarray(cleanEnd)
    const expected = savedBytes(tail)
    this.#areUntouched([...this.#before.keys()].filter((path) => path.includes('.corrupt-')))
    must((savedTail === undefined) === (expected === undefined), 'D7', () => `saved: ${savedTail?.path}`)
    if (savedTail === undefined || expected === undefined) return
    const saved = this.#storage.image(savedTail.path)
    must(saved?.subarray(0, expected.length).equals(expected) === true, 'D7', () => 'other bytes were saved')
    must(savedTail.bytes === saved?.length, 'D7', () => `${savedTail.bytes} bytes saved, of ${saved?.length}`)
    // The zeros that are left out at the end hold no frame, but a checksum can end in them.
    const { frames, checkedBytes } = framesIn(tail.subarray(0, expected.length + 4))
    const { validFrames, isAtLeast } = savedTail
    const isLong = checkedBytes > 4 * Math.min(expected.length + 4, tail.length)
    must(isAtLeast === isLong, 'D7', () => `the search for frames was ${isAtLeast ? '' : 'not '}given up`)
    if (isAtLeast) this.#tally.add('search for valid frames given up')
    must(
      isAtLeast ? validFrames <= frames : validFrames === frames,
      'D7',
      () => `${validFrames} valid frames among what was saved, not ${frames}`,
    )
    this.#tally.add('tail saved')
    if (validFrames > 0) this.#tally.add('valid frames in a saved tail')
  }

  #append(journal: Journal): Uint8Array[] {
    const sizes = [0, 1, 100, 5000].slice(0, this.#random.below(5))
    const payloads = sizes.map((size) => Buffer.alloc(size, 'new'))
    for (const payload of payloads) journal.append(payload)
    return payloads
  }

  /** D2, D3: what is read afterwards is what was valid, and what was appended. */
  #holds(appended: readonly Uint8Array[]): void {
    const { found } = this.#judgement
    const storage = this.#storage
    const valid = this.#input.journal.subarray(0, found.position)
    const expected = Buffer.concat([valid, ...appended.map((payload) => referenceFrame(payload))])
    const bytes = storage.image(PATH) as Buffer
    must(bytes.equals(expected), 'D3', () => 'the closed journal is not what was valid and what was appended')
    this.#isLetGo()
    if (this.#isMarkWornOut) return
    // It says which gaps are history.
    const hasMark = storage.birthTime !== 0n
    const reader = openReader(PATH, {
      storage,
      memory: this.#pool,
      gaps: hasMark || found.gaps === 0 ? 'refuse' : 'skip',
    })
    const records = reader.scan(() => {})
    must(records === found.records.length + appended.length, 'D2', () => `a reader gives ${records} records`)
    const { position, tailState } = reader
    reader.close()
    must(
      position === expected.length && tailState === 'clean-end',
      'D6',
      () => `a reader ends at ${position}: ${tailState}`,
    )
    if (hasMark) {
      const mark = markOf(storage.image(`${PATH}.mark`), JOURNAL_INODE, JOURNAL_BIRTH_TIME)
      must(mark?.durableLsn === BigInt(expected.length), 'D7', () => `the mark says ${mark?.durableLsn}`)
    }
  }

  /** With a sequence at the very end of what can be counted, which somebody has made up, the next mark is none. */
  get #isMarkWornOut(): boolean {
    return (this.#mark?.sequence ?? 0n) > 2n ** 52n - 10n
  }

  #areUntouched(paths: Iterable<string>): void {
    for (const path of paths) {
      const isSame = this.#storage.image(path)?.equals(this.#before.get(path) as Buffer) === true
      must(isSame, 'D7', () => `${path} is not as it was`)
    }
  }

  #isLetGo(): void {
    const { files, counts } = this.#storage
    must(!files.has(`${PATH}.lock`), 'D8', () => 'the lock stays behind')
    must(counts.openFiles === 0 && this.#pool.lent === 0, 'D9', () => 'files or memory are still in use')
  }
}

/** Read once, its tail looked through from both ends, saved, compared, and checksummed four times; the rest twice more. */
const READ_FACTOR = 16
