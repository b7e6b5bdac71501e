import type { Owner } from '../storage.js'
import { whereabouts } from '../whereabouts.js'
import type { Choices } from './choices.js'
import type { DiskRules, Survival } from './disk-rules.js'
import { createFate, type Fate, fateBy } from './fate.js'
import type { Crash, Fault, FaultHook, Moment } from './faults.js'
import { losses } from './losses.js'
import { Medium } from './medium.js'
import type { Operation } from './operation.js'
import { Random } from './random.js'
import { markSimulated } from './sim-errors.js'
import { SimProcess } from './sim-process.js'
import { SimScheduler } from './sim-scheduler.js'
import { Trace } from './trace.js'
import { Tree } from './tree.js'
import { WriteWatch } from './write-watch.js'

export interface MachineOptions {
  readonly seed: number
  /** Instead of a generator with the seed. */
  readonly choices: Choices | undefined
  readonly rules: DiskRules
  readonly traceLines: number
  readonly watchMemory: boolean
}

// So many operations in flight of a killed process never take effect: those that no thread had taken up yet.
const LOST_WITH_PROCESS_CHANCE = 1 / 2

const HOST = 'sim-host'
const PID_NAMESPACE = 'pid:[4026531836]'

/** A disk, the machine around it, and the processes on it: how operations run, and how they are struck. */
export class Machine {
  readonly options: MachineOptions
  readonly choices: Choices
  readonly scheduler: SimScheduler
  readonly trace: Trace
  readonly watch: WriteWatch
  medium: Medium
  tree: Tree
  faults: FaultHook | undefined
  operationCount = 0
  readonly #processes: SimProcess[] = []
  #boots = 1
  #device: bigint
  #pids = 100
  #tokens = 0

  /** `cut`: the machine on which the power is cut, and what that leaves. */
  constructor(
    options: MachineOptions,
    choices: Choices = options.choices ?? new Random(options.seed),
    cut?: { readonly machine: Machine; readonly fate: Fate },
  ) {
    this.options = options
    this.choices = choices
    this.scheduler = new SimScheduler(this, choices)
    this.trace = new Trace(options.traceLines)
    this.watch = new WriteWatch(options.watchMemory)
    this.medium = new Medium(options.rules, choices, this.scheduler, cut?.machine.medium)
    this.tree = cut?.machine.tree.survivor(this.medium, cut.fate) ?? new Tree(this.medium)
    if (cut !== undefined) {
      this.#boots = cut.machine.#boots + 1
      this.#pids = cut.machine.#pids
    }
    this.#device = deviceAt(this.#boots)
  }

  /** Names the device, differently after each boot. */
  get device(): bigint {
    return this.#device
  }

  get boot(): string {
    return `boot-${this.#boots}`
  }

  /** A process; by default one of its own on this host, with an id that no other had. */
  startProcess(identity: Partial<Owner>): SimProcess {
    this.#pids += 1
    const pid = identity.pid ?? this.#pids
    const startTime = this.#pids * 10 + Math.floor(this.scheduler.now / 10)
    const { host = HOST, boot = this.boot, pidNamespace = PID_NAMESPACE, thread = pid } = identity
    const owner = { host, boot, pidNamespace, pid, thread, startTime: identity.startTime ?? startTime }
    const process = new SimProcess(this, owner)
    this.#processes.push(process)
    return process
  }

  isGone(me: Owner, owner: Owner): boolean {
    const place = whereabouts(me, owner)
    if (place !== 'here') return place === 'before'
    return !this.#processes.some((process) => !process.isGone && isSame(process.owner, owner))
  }

  /** How many files a process has open, in all its threads. */
  openFilesOf(pid: number): number {
    return this.#processes
      .filter((process) => process.owner.pid === pid)
      .reduce((sum, process) => sum + process.openFiles, 0)
  }

  /** In all threads of a process. */
  writersIn(pid: number, inode: bigint): number {
    return this.#processes
      .filter((process) => process.owner.pid === pid && process.isAlive)
      .reduce((sum, process) => sum + process.writersOf(inode), 0)
  }

  token(): string {
    this.#tokens += 1
    return `${this.options.seed.toString(16)}-${this.#boots.toString(16)}-${this.#tokens.toString(16)}`
  }

  issue(operation: Operation): void {
    this.watch.issued(operation)
    this.scheduler.add(operation)
  }

  begin(operation: Operation): void {
    operation.index = this.operationCount
    this.operationCount += 1
    const isCallerAlive = operation.caller.isAlive
    const fault = this.faults?.(operation, this.choices)
    // The hook itself can have cut the power.
    if (isCallerAlive && !operation.caller.isAlive) throw operation.caller.deathError()
    if (fault !== undefined) this.#prepare(operation, fault)
    operation.begin()
    if (operation.isLong || operation.delayMs > 0) this.trace.begins(this.scheduler.now, operation)
  }

  complete<Result>(operation: Operation<Result>): Result {
    return this.trace.isOff ? this.#finish(operation) : this.#finishTraced(operation)
  }

  #finish<Result>(operation: Operation<Result>): Result {
    if (operation.failure === undefined) return operation.finish()
    throw markSimulated(operation.fail(operation.failure))
  }

  /** Apart, as every error that is caught and thrown again costs as much as ten operations. */
  #finishTraced<Result>(operation: Operation<Result>): Result {
    try {
      const result = this.#finish(operation)
      this.trace.add(this.scheduler.now, operation, 'done', result)
      return result
    } catch (error) {
      this.trace.add(this.scheduler.now, operation, 'failed', error)
      if (error instanceof Error) this.withStack(error)
      throw error
    }
  }

  /** Stacks are dear: only those who trace get them. */
  withStack<Failure extends Error>(error: Failure): Failure {
    if (!this.trace.isOff) Error.captureStackTrace(error)
    return error
  }

  over(operation: Operation): void {
    this.watch.over(operation)
    operation.caller.over(operation)
  }

  cutPower(leaves: Survival): void {
    this.trace.note(this.scheduler.now, 'power cut')
    for (const process of this.#processes) process.die('power-cut')
    this.scheduler.abandon(
      () => true,
      () => false,
    )
    this.#processes.length = 0
    this.#boots += 1
    this.#device = deviceAt(this.#boots)
    this.medium = new Medium(this.options.rules, this.choices, this.scheduler, this.medium)
    const before = this.tree
    this.tree = before.survivor(this.medium, fateBy(leaves, createFate(this.choices)))
    if (this.options.traceLines > 0)
      for (const loss of losses(before, this.tree, this.options.rules.sectorBytes))
        this.trace.note(this.scheduler.now, loss)
  }

  kill(process: SimProcess, note = 'is killed'): void {
    if (!process.isAlive) return
    this.trace.note(this.scheduler.now, `process ${process.owner.pid} ${note}`)
    process.die('kill')
    this.scheduler.abandon(
      (operation) => operation.caller === process,
      (operation) => operation.stage !== 'issued' || !this.choices.chance(LOST_WITH_PROCESS_CHANCE),
    )
  }

  killAll(): void {
    for (const process of this.#processes) this.kill(process)
  }

  /** A machine on which the power was cut now; this one goes on. */
  afterPowerCut(source: number | 'none' | 'all'): Machine {
    const choices = new Random(typeof source === 'number' ? source : this.options.seed)
    const fate = createFate(typeof source === 'number' ? choices : source)
    return new Machine(this.options, choices, { machine: this, fate })
  }

  #prepare(operation: Operation, fault: Fault): void {
    if (fault === 'lie') operation.isLie = true
    else if (typeof fault === 'string') this.#strike(operation, fault, this.choices.pick(MOMENTS), 'some')
    else if ('crash' in fault) this.#strike(operation, fault.crash, fault.when, fault.leaves ?? 'some')
    else {
      operation.delayMs = fault.delayMs ?? 0
      if ('error' in fault) operation.failure = fault.error
      else if ('short' in fault) operation.limit = fault.short
    }
  }

  #strike(operation: Operation, crash: Crash, when: Moment, leaves: Survival): never {
    operation.isTorn = when === 'middle'
    try {
      if (when !== 'before') operation.begin()
      if (when === 'after') operation.finish()
    } catch {
      // It had no effect then.
    }
    this.trace.add(this.scheduler.now, operation, `meets a ${crash} ${MOMENT_TEXTS[when]}`)
    operation.isStruck = true
    if (crash === 'power-cut') this.cutPower(leaves)
    else this.kill(operation.caller)
    throw operation.caller.deathError()
  }
}

function deviceAt(boot: number): bigint {
  return BigInt(0x800 + boot)
}

const MOMENTS = ['before', 'middle', 'after'] as const

const MOMENT_TEXTS = {
  before: 'before it takes effect',
  middle: 'halfway',
  after: 'when it is done, before its answer',
}

/** Owners that do not know their thread are compared by process. */
function isSame(one: Owner, other: Owner): boolean {
  if (one.pid !== other.pid) return false
  if (other.thread === 0 || other.startTime === 0) return true
  return one.thread === other.thread && one.startTime === other.startTime
}
