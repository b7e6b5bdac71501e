import type { Journal } from '#src/journal/journal.js'
import type { JournalOptions } from '#src/journal/options.js'
import type { Lsn } from '#src/lsn.js'
import type { SimStorage } from '#src/storage/sim-storage.js'
import { faultOnNth } from '#src/storage/sim/faults.js'

import { must } from './model.js'
import { referenceFrame } from './reference.js'
import { TAILS, leaveTail } from './tails.js'
import { PATH, type World, isCrash } from './world.js'

/** Something small to do with a journal, at each of whose operations everything goes wrong in turn. */
export interface Workload {
  readonly name: string
  readonly options?: Partial<JournalOptions>
  readonly birthTimes?: boolean
  /** The journal is opened in the root of a handle. */
  readonly isRooted?: boolean
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
    const { disk, model } = this.world
    const cleanEnd = model.survived(disk.image(PATH), 'kill')
    const journal = way === 'blocking' ? this.world.openSync(this.storage) : await this.world.open(this.storage)
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
    leaveTail(world.disk, PATH, tail, true)
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
      // The lock that a faulty close has left is one of the dead.
      life.world.disk.killProcess(life.storage)
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
