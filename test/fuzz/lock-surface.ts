import { FsysError } from '#src/errors.js'
import type { Journal } from '#src/journal/journal.js'
import { openJournal, openJournalSync } from '#src/journal/open-journal.js'
import { Random } from '#src/storage/sim/random.js'

import { must } from '../sim/model.js'
import type { Input } from './input.js'
import { MemoryOwners, MemoryStorage, SOMEBODY } from './memory-storage.js'
import { SmallKernels } from './small-kernels.js'
import type { Surface, Tally } from './surface.js'

const PATH = '/fuzz/app.wal'
const LOCK = `${PATH}.lock`
const EMPTY = Buffer.alloc(0)
/** Alive, and not the one who opens. */
const NEIGHBOUR = { ...SOMEBODY, pid: 11, thread: 11 }
const LIVING_PIDS: ReadonlySet<number> = new Set([SOMEBODY.pid, NEIGHBOUR.pid])

/** Any bytes in the lock file, and in those beside it: whoever may be alive keeps the lock, and the dead lose it. */
export const lockSurface: Surface = {
  name: 'lock',
  make(random) {
    const beside: Record<string, Buffer> = {}
    for (let links = random.below(4), name = '.lock'; links > 0; links--) {
      const token = TOKENS[random.below(TOKENS.length)] as string
      beside[name] ??= makeLock(random, token)
      name = `.lock.${token}`
    }
    return { journal: EMPTY, beside, choices: random.bits() }
  },
  check(input, tally) {
    const random = new Random(input.choices)
    return random.chance(0.1) ? openWaiting(input, tally) : openBlocking(input, tally)
  },
  goals: ['taken over', 'refused: ERR_FSYS_LOCKED', 'refused: a right that somebody holds', 'not locked', 'waiting'],
}

const TOKENS: readonly string[] = [
  'a',
  'b',
  '10-1',
  '10-2',
  'unreadable',
  '7',
  'x'.repeat(64),
  'Z',
  'a.new',
  '',
  '../a',
]

function makeLock(random: Random, token: string): Buffer {
  const fields: Record<string, unknown> = { token, ...SOMEBODY }
  const { host, boot, pidNamespace } = SOMEBODY
  if (random.chance(0.8))
    fields['pid'] = pick(random, [99, 99, 99, NEIGHBOUR.pid, SOMEBODY.pid, 0, -1, 2 ** 53 - 1, 1.5])
  if (random.chance(0.2)) fields['boot'] = pick(random, ['earlier', boot, 'unknown', ''])
  if (random.chance(0.1)) fields['host'] = pick(random, ['elsewhere', host, ''])
  if (random.chance(0.1)) fields['pidNamespace'] = pick(random, ['another', pidNamespace])
  if (random.chance(0.1))
    fields[pick(random, Object.keys(fields))] = pick(random, [null, 7, '7', {}, [], true, undefined])
  const bytes = Buffer.from(random.chance(0.9) ? JSON.stringify(fields) : JSON.stringify([fields]))
  if (random.chance(0.7)) return bytes
  return damage(bytes, random)
}

function damage(bytes: Buffer, random: Random): Buffer {
  switch (random.below(5)) {
    case 0:
      return bytes.subarray(0, random.below(bytes.length))
    case 1:
      return Buffer.concat([bytes, Buffer.alloc(random.below(9000), ' \n')])
    case 2:
      return Buffer.alloc(random.below(6000), pick(random, ['[', '{"a":', '\0', '\u{1F512}']))
    case 3:
      return Buffer.concat([bytes, bytes])
    default:
      bytes[random.below(bytes.length)] = random.bits()
      return bytes
  }
}

function openBlocking(input: Input, tally: Tally): void {
  const lock = new CheckedLock(input, tally)
  let journal: Journal
  try {
    journal = openJournalSync(PATH, lock.options)
  } catch (error) {
    return lock.isRefusal(error)
  }
  lock.isTaken()
  journal.closeSync()
  lock.isReleased()
}

async function openWaiting(input: Input, tally: Tally): Promise<void> {
  tally.add('waiting')
  const lock = new CheckedLock(input, tally)
  let journal: Journal
  try {
    journal = await openJournal(PATH, lock.options)
  } catch (error) {
    return lock.isRefusal(error)
  }
  lock.isTaken()
  await journal.close()
  lock.isReleased()
}

const MEMORY = new SmallKernels(512, 4, 'wasm')

class CheckedLock {
  readonly #tally: Tally
  readonly #storage = new MemoryStorage(new MemoryOwners(SOMEBODY, LIVING_PIDS))
  readonly #before: ReadonlyMap<string, Buffer>
  /** Why the lock must not be taken; undefined if it must. */
  readonly #obstacle: string | undefined

  constructor(input: Input, tally: Tally) {
    this.#tally = tally
    this.#storage.put(PATH, input.journal)
    for (const [suffix, bytes] of Object.entries(input.beside)) this.#storage.put(PATH + suffix, bytes)
    this.#before = this.#storage.snapshot()
    this.#obstacle = this.#findObstacle()
  }

  get options(): NonNullable<Parameters<typeof openJournalSync>[1]> {
    return { storage: this.#storage, memory: MEMORY, logBufferBytes: 4096 }
  }

  isRefusal(error: unknown): void {
    if (!(error instanceof FsysError)) throw error
    must(error.code === 'ERR_FSYS_LOCKED', 'D8', () => `${error.code}: ${error.message}`)
    must(this.#obstacle !== undefined, 'D8', () => `its holder is gone, but: ${error.message}`)
    const after = this.#storage.snapshot()
    must(after.size === this.#before.size, 'D8', () => `left behind: ${[...after.keys()].join(', ')}`)
    for (const [path, bytes] of this.#before) {
      must(after.get(path)?.equals(bytes) === true, 'D8', () => `${path} is not as it was`)
    }
    this.#tally.add('refused: ERR_FSYS_LOCKED')
    if (this.#obstacle !== LOCK) this.#tally.add('refused: a right that somebody holds')
  }

  /** D8: nobody else gets in now, by whatever process; and only dead ones have lost what they had. */
  isTaken(): void {
    must(this.#obstacle === undefined, 'D8', () => `opened, but ${this.#obstacle} does not name one who is gone`)
    const { files } = this.#storage
    const neighbour = new MemoryStorage(new MemoryOwners(NEIGHBOUR, LIVING_PIDS), files)
    let second: unknown
    try {
      openJournalSync(PATH, { ...this.options, storage: neighbour }).closeSync()
    } catch (error) {
      second = error
    }
    must(
      second instanceof FsysError && second.code === 'ERR_FSYS_LOCKED',
      'D8',
      () => `a second writer: ${String(second)}`,
    )
    for (const [path, bytes] of this.#before) {
      if (path === LOCK || !path.startsWith(LOCK)) continue
      const isKept = files.get(path)?.image.equals(bytes) === true
      must(isKept || this.#isGone(bytes), 'D8', () => `${path} was removed, whose holder may be alive`)
    }
    this.#tally.add(this.#before.has(LOCK) ? 'taken over' : 'not locked')
  }

  isReleased(): void {
    must(!this.#storage.files.has(LOCK), 'D8', () => 'the lock stays behind')
    must(this.#storage.counts.openFiles === 0, 'D9', () => 'files are still open')
  }

  /** To succeed a dead holder takes a second lock, named after its token, and so on. */
  #findObstacle(): string | undefined {
    const seen = new Set<string>()
    for (let path = LOCK; ;) {
      const bytes = this.#before.get(path)
      if (bytes === undefined) return undefined
      const holder = holderIn(bytes)
      if (holder === undefined || !this.#isGone(bytes) || seen.has(path)) return path
      seen.add(path)
      path = `${LOCK}.${holder.token}`
    }
  }

  #isGone(lock: Buffer): boolean {
    const holder = holderIn(lock)
    return holder !== undefined && this.#storage.owners.isGone(holder)
  }
}

type Holder = typeof SOMEBODY & { readonly token: string }

/** Who a lock names: an object of JSON with all of its fields, within the first 4096 bytes. */
function holderIn(lock: Buffer): Holder | undefined {
  let value: unknown
  try {
    value = JSON.parse(lock.subarray(0, 4096).toString())
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const holder = value as Record<keyof Holder, unknown>
  for (const name of ['host', 'boot', 'pidNamespace'] as const) if (typeof holder[name] !== 'string') return undefined
  for (const name of ['pid', 'thread', 'startTime'] as const) if (!Number.isSafeInteger(holder[name])) return undefined
  const isToken = typeof holder.token === 'string' && /^[-0-9a-z]{1,64}$/u.test(holder.token)
  return isToken ? (value as Holder) : undefined
}

function pick<Value>(random: Random, values: readonly Value[]): Value {
  return values[random.below(values.length)] as Value
}
