import type { Journal } from '#src/journal/journal.js'
import { openJournal, openJournalSync } from '#src/journal/open-journal.js'
import { openReader } from '#src/journal/reader.js'
import type { SimStorage } from '#src/storage/sim-storage.js'
import type { Choices } from '#src/storage/sim/choices.js'
import { type FaultHook, anyFault, faultAt, faultOnNth, shortTransfers, writeBudget } from '#src/storage/sim/faults.js'
import type { OperationKind } from '#src/storage/sim/operation.js'
import { Random } from '#src/storage/sim/random.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'

import type { Counts } from './counts.js'
import { must } from './model.js'
import { type CrashPoint, checkRecovery } from './recovery-check.js'
import { sizeGenerator } from './sizes.js'
import { CRASH_TAILS, leaveTail } from './tails.js'
import { Tasks } from './tasks.js'
import { PATH, World, codeOf, isCrash, mustEnd } from './world.js'

/**
 * One to three lives of a journal on a simulated disk, all of it by the seed: several who use it at the same time, faults, a
 * power cut or a kill at any operation, and another during the recovery from it. Throws a Violation, or resolves.
 *
 * What counts as a schedule: a life, which begins with an open by a process and ends in a crash or otherwise, with what is
 * left in the file compared with the model, and then opened again by a process that goes on. And each further crash that
 * such a life could have had: at an operation of it the disk is copied as a power cut would leave it, and the copy goes all
 * the way, alone (`checkRecovery`); at an operation of that recovery, again.
 */
export async function runSchedule(seed: number): Promise<Counts> {
  return runChoices(new Random(seed))
}

export interface ScheduleOptions {
  readonly traceLines?: number
  /** Whether some records are of megabytes; otherwise that is left to chance. */
  readonly areRecordsHuge?: boolean
}

/** The same, with what is left to chance from elsewhere. */
export async function runChoices(choices: Choices, options: ScheduleOptions = {}): Promise<Counts> {
  const schedule = new Schedule(choices, options)
  try {
    await schedule.run()
  } catch (error) {
    const { trace } = schedule.world.disk
    if (error instanceof Error && trace.length > 0) error.message += `\nthe disk:\n${trace.join('\n')}\n`
    throw error
  }
  return schedule.world.counts
}

/** What leaves the disk as it is: a second crash behind nothing else would mostly be the first one again. */
const LOOKS: ReadonlySet<OperationKind> = new Set([
  'read',
  'stat',
  'list',
  'realPath',
  'close',
  'lock',
  'advise',
  'startWriteback',
])

class Schedule {
  readonly world: World
  readonly #choices: Choices
  readonly #sizes: () => number
  #hasLostPower = false
  /** Crashes that this life could have had. */
  #crashPoints: CrashPoint[] = []

  constructor(choices: Choices, { traceLines = 0, areRecordsHuge = false }: ScheduleOptions) {
    this.#choices = choices
    const hasMark = !choices.chance(0.1)
    const oneTrip = choices.chance(0.4)
    const disk = new SimDisk({
      choices,
      traceLines,
      sectorBytes: choices.chance(0.3) ? 4096 : 512,
      birthTimes: hasMark,
      oneTrip,
    })
    // More than 64 KiB at a time is written by writes that wait.
    const areLarge = !areRecordsHuge && choices.chance(0.05)
    const options = {
      logBufferBytes: areLarge ? 131_072 : choices.chance(0.5) ? 65_536 : 4096,
      direct: choices.chance(0.25),
      zeroAheadBytes: choices.pick([0, 8192, 32_768]),
      keepPreallocated: choices.chance(0.5),
      // Without a mark, a hole that a power cut left cannot be told from a gap of an older writer.
      gaps: hasMark ? 'refuse' : 'cut',
    } as const
    this.world = new World(disk, options, hasMark, oneTrip)
    this.#sizes = sizeGenerator(choices, areRecordsHuge ? 'huge' : areLarge ? 'large' : 'any')
  }

  async run(): Promise<void> {
    const { disk, counts } = this.world
    const lives = this.#choices.pick([1, 1, 2, 1, 2, 1, 3])
    for (let life = 0; life < lives; life++) await this.#live()
    try {
      this.#verify()
    } catch (error) {
      if (!this.world.hasLostItsBeginning(error)) throw error
    }
    counts.operations += disk.operationCount
    counts.schedules += counts.lives
    must(disk.violations.length === 0, 'D4b', () => disk.violations.join('; '))
  }

  /** A process opens the journal, works on it, and ends in one way or another. */
  async #live(): Promise<void> {
    const { world } = this
    const { disk, model, counts } = world
    counts.lives++
    const storage = disk.process()
    // Where something was confirmed there is a mark, so that no tail can be taken for the work of an older writer. And where
    // there is a tail already, one behind it would be damage that no crash explains.
    const before = disk.image(PATH) ?? new Uint8Array(0)
    const hasTail = model.survived(before, 'kill') < before.length
    if (model.confirmedLsn > 0 && !hasTail && this.#choices.chance(0.1)) {
      counts.strangeTails++
      leaveTail(
        disk,
        PATH,
        CRASH_TAILS[this.#choices.below(CRASH_TAILS.length)] as Uint8Array,
        this.#choices.chance(0.5),
      )
    }
    const image = disk.image(PATH) ?? new Uint8Array(0)
    const cleanEnd = model.survived(image, 'kill')
    this.#hasLostPower = false
    world.isClosing = false
    this.#arm()
    let journal: Journal | undefined
    try {
      journal = await this.#open(storage)
    } catch (error) {
      if (world.hasLostItsBeginning(error)) {
        // Its lock may still be there, if letting go of it failed too.
        disk.killProcess(storage)
        await disk.settle()
        return
      }
      world.expectedFailure(error, 'open')
      if (isCrash(error)) counts.crashesInRecovery++
      else counts.failedOpens++
    }
    // By the model as it was during the open, which can have cut off what a crash would have left.
    this.#checkCrashPoints()
    if (journal !== undefined) {
      const end = model.isCacheDropped ? model.survived(disk.image(PATH), 'kill') : cleanEnd
      model.opened(journal.nextLsn, end)
      if (journal.info.isDirect) counts.directLives++
      if (world.isOneTrip) counts.oneTripLives++
      world.observe(journal)
      this.#refuseOthers()
      await new Tasks(world, this.#choices, this.#sizes, storage, journal).run()
    }
    this.#checkCrashPoints()
    await this.#end(storage, journal)
  }

  /** Decides what will go wrong in this life, and at which operations it could have ended. */
  #arm(): void {
    const { disk, model } = this.world
    const choices = this.#choices
    const faults = this.#plan()
    this.world.isFaulty = faults !== undefined
    const points = new Set<number>()
    let isChanged = true
    for (let count = choices.below(90); count > 0; count--) points.add(disk.operationCount + choices.below(60))
    const dropAt = choices.chance(0.15) ? disk.operationCount + choices.below(50) : undefined
    disk.faults = (operation, drawn) => {
      if (operation.index === dropAt && disk.image(PATH) !== undefined) {
        disk.dropCache(PATH)
        model.cacheDropped()
        this.world.counts.droppedCaches++
      }
      if (isChanged && points.has(operation.index)) {
        const least = model.leastAfter('power-cut')
        this.#crashPoints.push({ disk: disk.afterPowerCut(this.#fate()), least, at: operation.index })
        isChanged = false
      }
      if (!LOOKS.has(operation.kind)) isChanged = true
      const fault = faults?.(operation, drawn)
      if (fault === 'power-cut') this.#hasLostPower = true
      return fault
    }
  }

  #fate(): number | 'none' | 'all' {
    const kind = this.#choices.below(5)
    return kind === 0 ? 'all' : kind === 1 ? 'none' : this.#choices.below(2 ** 32)
  }

  #plan(): FaultHook | undefined {
    const choices = this.#choices
    const soon = this.world.disk.operationCount + choices.below(choices.chance(0.5) ? 40 : 100)
    switch (choices.below(12)) {
      case 0:
        return undefined
      case 1:
        return faultOnNth('dataSync', choices.between(1, 4), { error: 'EIO' })
      case 2:
        return faultOnNth('sync', choices.between(1, 4), { error: 'EIO' })
      case 3:
        return writeBudget(choices.below(6000), choices.chance(0.5) ? 'EDQUOT' : 'ENOSPC')
      case 4:
        return faultOnNth('write', choices.between(1, 8), { short: choices.below(20) })
      case 5:
        return faultAt(soon, { error: choices.pick(['EIO', 'ENOSPC', 'EINTR', 'EMFILE']) })
      case 6:
        return anyFault(faultOnNth('dataSync', choices.between(1, 3), { error: 'EIO' }), faultAt(soon, 'power-cut'))
      case 7:
        return faultAt(soon, 'kill')
      case 8:
        return anyFault(shortTransfers(0.2), faultAt(soon, 'power-cut'))
      default:
        return faultAt(soon, 'power-cut')
    }
  }

  /** Now and then others try to open it at the same moment: one of them gets it, or nobody, if something goes wrong (D8). */
  async #open(storage: SimStorage): Promise<Journal> {
    const options = { storage, ...this.world.options }
    const rivals = this.#choices.chance(0.04) ? this.#choices.between(1, 2) : 0
    if (rivals === 0) return this.#choices.chance(0.3) ? openJournal(PATH, options) : openJournalSync(PATH, options)
    const own = openJournal(PATH, options)
    const others = Array.from({ length: rivals }, async () => {
      const rival = this.world.disk.process()
      try {
        return { rival, journal: await openJournal(PATH, { ...options, storage: rival }) }
      } catch (error) {
        if (codeOf(error) === 'ERR_FSYS_LOCKED') this.world.counts.refusedOpens++
        else if (!this.world.hasLostItsBeginning(error)) this.world.expectedFailure(error, 'open')
        return undefined
      }
    })
    const [mine, ...theirs] = await Promise.allSettled([own, ...others])
    for (const settled of theirs) if (settled.status === 'rejected') throw settled.reason as Error
    const winners = theirs.flatMap((settled) =>
      settled.status === 'fulfilled' && settled.value ? [settled.value] : [],
    )
    const count = winners.length + (mine.status === 'fulfilled' ? 1 : 0)
    must(count <= 1, 'D8', () => `${count} processes have the journal open for writing`)
    for (const { rival, journal } of winners) {
      // It has opened it, and written nothing: it makes room for us.
      this.world.disk.killProcess(rival)
      await journal.close().catch(() => {})
    }
    if (mine.status === 'fulfilled') return mine.value
    await this.world.disk.settle()
    if (codeOf(mine.reason) !== 'ERR_FSYS_LOCKED') throw mine.reason
    return openJournal(PATH, options)
  }

  /** D8: while it is open, nobody else gets it. */
  #refuseOthers(): void {
    if (!this.#choices.chance(0.02)) return
    const { world } = this
    try {
      openJournalSync(PATH, { ...world.options, storage: world.disk.process() })
    } catch (error) {
      if (codeOf(error) === 'ERR_FSYS_LOCKED') world.counts.refusedOpens++
      else world.expectedFailure(error, 'open')
      return
    }
    must(this.#hasLostPower, 'D8', () => 'a second process has the journal open for writing')
  }

  /** The crashes that this life could have had, each to its end; some of them with another one during the recovery. */
  #checkCrashPoints(): void {
    const points = this.#crashPoints
    this.#crashPoints = []
    for (const point of points) {
      const nested = this.#choices.chance(0.4) ? this.#forkLater(point) : undefined
      checkRecovery(this.world, point)
      if (nested?.point === undefined) continue
      checkRecovery(this.world, nested.point)
      this.world.counts.nestedCrashes++
    }
  }

  #forkLater({ disk, least }: CrashPoint): { readonly point: CrashPoint | undefined } {
    const choices = this.#choices
    const index = disk.operationCount + choices.below(40)
    const state: { point: CrashPoint | undefined } = { point: undefined }
    disk.faults = (operation) => {
      if (operation.index === index) {
        state.point = { disk: disk.afterPowerCut(choices.below(2 ** 32)), least, at: index }
      }
      return undefined
    }
    return state
  }

  /** What a power cut tears: many pages that nobody has synced. The journal may have failed already. */
  #burst(journal: Journal): void {
    try {
      for (let count = this.#choices.between(4, 23); count > 0; count--) this.world.append(journal, this.#sizes())
      this.world.block(() => journal.flushSync())
      this.world.observe(journal)
    } catch (error) {
      this.world.isFaulty = true
      this.world.expectedFailure(error, 'work')
    }
  }

  /** The process ends: closed, killed, or without power. */
  async #end(storage: SimStorage, journal: Journal | undefined): Promise<void> {
    const { disk, model, counts } = this.world
    disk.faults = undefined
    const way = this.#choices.pick(['close', 'power-cut', 'kill'])
    if (way === 'power-cut' && journal !== undefined && !this.world.isClosing && this.#choices.chance(0.5)) {
      this.#burst(journal)
    }
    if (way === 'close' && journal !== undefined) await this.#close(journal)
    if (way === 'kill') counts.kills++
    if (way === 'power-cut') {
      this.#hasLostPower = true
      disk.cutPower()
    }
    // One that has closed it ends too: a lock that it could not let go of is one of the dead.
    disk.killProcess(storage)
    if (this.#hasLostPower) counts.powerCuts++
    // What is left of the dead process lets go of its memory; nothing of it reaches the disk.
    if (journal !== undefined)
      await mustEnd(
        disk,
        journal.close().catch(() => {}),
      )
    await disk.settle()
    model.survived(disk.image(PATH), this.#hasLostPower ? 'power-cut' : 'kill')
  }

  async #close(journal: Journal): Promise<void> {
    const lsn = journal.nextLsn
    try {
      await this.world.close(journal, this.#choices.chance(0.5))
      // Who closes it a second time hears nothing of what went wrong the first time.
      if (!this.world.isClosing) this.world.confirm(journal.durableLsn, lsn)
    } catch (error) {
      if (isCrash(error) || codeOf(error) === 'ERR_FSYS_POISONED') return
      // The first close is told what has failed, and so is whoever closes again while it waits.
      if (!this.world.isClosing) throw error
      this.world.expectedFailure(error, 'work')
    }
    this.world.observe(journal)
  }

  /** In the end everything is well: it opens, what it cut off is saved, and a reader gives what the model says. */
  #verify(): void {
    const { disk, model, options } = this.world
    disk.faults = undefined
    const image = disk.image(PATH) ?? new Uint8Array(0)
    const cleanEnd = model.survived(image, 'power-cut')
    const storage = disk.process()
    const journal = openJournalSync(PATH, { storage, ...options })
    model.opened(journal.nextLsn, cleanEnd)
    // D6: what was found at open is durable now, whatever the page cache believes.
    model.survived(disk.durableImage(PATH), 'power-cut')
    using reader = openReader(PATH, { storage })
    model.reads(Array.from(reader, ({ payload }) => payload))
    journal.closeSync()
  }
}
