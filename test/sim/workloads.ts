import { type Journal, openJournal, openJournalSync } from '#src/journal/journal.js'
import type { JournalOptions } from '#src/journal/options.js'
import type { Lsn } from '#src/lsn.js'
import type { SimStorage } from '#src/storage/sim-storage.js'
import { faultOnNth } from '#src/storage/sim/faults.js'

import { must } from './model.js'
import { referenceFrame } from './reference.js'
import { PATH, type World, isCrash } from './world.js'

/** Something small to do with a journal, at each of whose operations everything goes wrong in turn. */
export interface Workload {
  readonly name: string
  readonly options?: Partial<JournalOptions>
  readonly birthTimes?: boolean
  /** What stood there before, and is well. */
  prepare?(world: World): Promise<void>
  run(life: SmallLife): Promise<void>
}

/** A process that opens the journal, and what it does with it. */
export class SmallLife {
  readonly world: World
  readonly storage: SimStorage
  journal: Journal | undefined

  constructor(world: World) {
    this.world = world
    this.storage = world.disk.process()
  }

  async open(way: 'waiting' | 'blocking' = 'blocking'): Promise<Journal> {
    const { disk, model, options } = this.world
    const cleanEnd = model.survived(disk.image(PATH), 'kill')
    const all = { ...options, storage: this.storage }
    const journal = way === 'blocking' ? openJournalSync(PATH, all) : await openJournal(PATH, all)
    this.journal = journal
    model.opened(journal.nextLsn, cleanEnd)
    return journal
  }

  /** Closes it, and everything that was appended is durable. */
  async close(way: 'waiting' | 'blocking' = 'waiting'): Promise<void> {
    const journal = this.journal as Journal
    const lsn = journal.nextLsn
    if (way === 'blocking') journal.closeSync()
    else await journal.close()
    this.world.confirm(journal.durableLsn, lsn)
    this.journal = undefined
  }
}

/** A journal of three records, closed; then more bytes behind them, all of it durable. */
function withTail(tail: Uint8Array): (world: World) => Promise<void> {
  return async (world) => {
    await withRecords(world, 3)
    const storage = world.disk.process()
    const file = storage.openSync(PATH, 'write')
    file.writeSync(tail, file.statSync().size)
    file.syncSync()
    file.closeSync()
  }
}

async function withRecords(world: World, count: number): Promise<SmallLife> {
  const life = new SmallLife(world)
  const journal = await life.open()
  for (let record = 0; record < count; record++) await world.commit(journal, 60)
  await life.close()
  return life
}

async function openAndCommit(life: SmallLife): Promise<void> {
  const journal = await life.open()
  await life.world.commit(journal, 100)
  await life.close()
}

/** A whole frame of a record that nobody has appended here. */
const STRANGE_FRAME = referenceFrame(Buffer.alloc(80, 7))

const damagedFrame = (): Uint8Array => {
  const frame = Uint8Array.from(STRANGE_FRAME)
  frame[20] = 0
  return frame
}

/** What a crash can leave behind the last record, and what none can, which must be cut off because somebody says so. */
const TAILS: readonly { readonly name: string; readonly bytes: Uint8Array; readonly isDamage?: boolean }[] = [
  { name: 'zeros', bytes: new Uint8Array(600) },
  { name: 'a torn magic', bytes: STRANGE_FRAME.subarray(0, 3) },
  { name: 'a torn header, and zeros', bytes: Uint8Array.of(0x46, 0x53, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) },
  { name: 'a header without its record', bytes: STRANGE_FRAME.subarray(0, 40) },
  { name: 'a frame with a wrong checksum', bytes: damagedFrame() },
  { name: 'a frame with a wrong checksum, and a right one', bytes: Buffer.concat([damagedFrame(), STRANGE_FRAME]) },
  { name: 'a hole, and a frame', bytes: Buffer.concat([new Uint8Array(296), STRANGE_FRAME]) },
  { name: 'no magic', bytes: Buffer.from('something else'), isDamage: true },
  { name: 'a length over the limit', bytes: Uint8Array.of(0x46, 0x53, 0x59, 1, 255, 255, 255, 255), isDamage: true },
]

export const WORKLOADS: readonly Workload[] = [
  { name: 'one commit', run: openAndCommit },
  {
    name: 'one commit, everything waiting',
    async run(life) {
      const journal = await life.open('waiting')
      await life.world.commit(journal, 100)
      await life.close()
    },
  },
  { name: 'one commit, without birth times', birthTimes: false, options: { gaps: 'cut' }, run: openAndCommit },
  {
    name: 'two commits at the same time',
    async run(life) {
      const journal = await life.open()
      await all([life.world.commit(journal, 100), life.world.commit(journal, 500)])
      await life.close()
    },
  },
  {
    name: 'append, flush, commit',
    async run(life) {
      const journal = await life.open()
      life.world.append(journal, 50)
      await journal.flush()
      life.world.observe(journal)
      await life.world.commit(journal, 50)
      await life.close()
    },
  },
  {
    name: 'a batch',
    async run(life) {
      const { world } = life
      const journal = await life.open()
      const payloads = [10, 0, 700].map((length) => world.payload(length))
      let lsn = world.model.endLsn
      for (const payload of payloads) lsn = world.model.appending(payload)
      must(journal.appendBatch(payloads) === lsn, 'D4', () => 'a batch ends elsewhere')
      world.confirm(await journal.syncThrough(lsn as Lsn), lsn)
      await life.close()
    },
  },
  {
    name: 'an empty record, and one of three sectors',
    async run(life) {
      const journal = await life.open()
      await life.world.commit(journal, 0)
      await life.world.commit(journal, 1500)
      await life.close('blocking')
    },
  },
  {
    name: 'a record larger than the buffer',
    async run(life) {
      const journal = await life.open()
      await life.world.commit(journal, 30)
      await life.world.commit(journal, 9000)
      await life.close()
    },
  },
  {
    name: 'close with staged records',
    async run(life) {
      const journal = await life.open()
      life.world.append(journal, 200)
      life.world.append(journal, 300)
      await life.close()
    },
  },
  {
    name: 'closeSync with staged records',
    async run(life) {
      const journal = await life.open()
      life.world.append(journal, 200)
      await life.close('blocking')
    },
  },
  {
    name: 'a blocking sync beside an unfinished group',
    async run(life) {
      const { world } = life
      const journal = await life.open()
      const committing = world.commit(journal, 100)
      // By then the group's own sync is under way.
      const syncing = soon().then(() => {
        const lsn = world.append(journal, 200)
        world.confirm(journal.syncThroughSync(lsn), lsn)
      })
      await all([committing, syncing])
      await life.close()
    },
  },
  {
    name: 'a sync that fails, and the next open by the same machine',
    async run(life) {
      const { world } = life
      const journal = await life.open()
      await world.commit(journal, 100)
      const others = world.disk.faults
      const failing = faultOnNth('dataSync', 1, { error: 'EIO' })
      world.disk.faults = (operation, choices) => others?.(operation, choices) ?? failing(operation, choices)
      const failure = await world.commit(journal, 600).then(
        () => undefined,
        (error: unknown) => error,
      )
      must(failure !== undefined, 'D5', () => 'a commit resolves though its sync has failed')
      world.disk.faults = others
      await journal.close().catch(() => {})
      life.journal = undefined
      world.disk.killProcess(life.storage)
      if (isCrash(failure)) throw failure
      await openAndCommit(new SmallLife(world))
    },
  },
  {
    name: 'two lives',
    async run(life) {
      await openAndCommit(life)
      await openAndCommit(new SmallLife(life.world))
    },
  },
  {
    name: 'the lock of a holder who was killed',
    async prepare(world) {
      const life = new SmallLife(world)
      const journal = await life.open()
      await world.commit(journal, 100)
      world.disk.killProcess(life.storage)
      await journal.close().catch(() => {})
      await world.disk.settle()
    },
    run: openAndCommit,
  },
  {
    name: 'a journal of an older writer, with a gap',
    options: { gaps: 'skip' },
    async prepare(world) {
      const { disk, model } = world
      model.appending(world.payload(40))
      model.appending(world.payload(60))
      const gap = new Uint8Array(512 - model.endLsn)
      model.standing(Buffer.concat([gap, referenceFrame(world.payload(90))]))
      writeFile(disk.process(), model.image())
      model.confirmed(model.endLsn)
    },
    run: openAndCommit,
  },
  {
    name: 'confirmed records that are damaged, and cut off because somebody says so',
    options: { onDamage: 'cut' },
    async prepare(world) {
      await withRecords(world, 3)
      world.disk.corrupt(PATH, 100, 0xff)
      world.model.givenUp(72)
    },
    run: openAndCommit,
  },
  ...TAILS.map(({ name, bytes, isDamage }): Workload => ({
    name: `behind the last record: ${name}`,
    options: isDamage ? { onDamage: 'cut' } : {},
    prepare: withTail(bytes),
    run: openAndCommit,
  })),
]

/** Waits for all, and then fails if one has failed: nobody is left behind. */
async function all(promises: readonly Promise<unknown>[]): Promise<void> {
  for (const settled of await Promise.allSettled(promises)) if (settled.status === 'rejected') throw settled.reason
}

function soon(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}

function writeFile(storage: SimStorage, bytes: Uint8Array): void {
  const file = storage.openSync(PATH, 'create')
  file.writeSync(bytes, 0)
  file.syncSync()
  file.closeSync()
  storage.syncDirectorySync('/data')
}
