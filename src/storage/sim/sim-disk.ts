import { SimStorage } from '../sim-storage.js'
import type { Owner } from '../storage.js'
import type { Choices } from './choices.js'
import { checkRules, DEFAULT_RULES, type DiskRules, type Survival } from './disk-rules.js'
import { createFate } from './fate.js'
import type { Crash, FaultHook } from './faults.js'
import { Machine } from './machine.js'
import { allocate } from './memory.js'
import type { SimProcess } from './sim-process.js'

/** The knobs, and how a disk is watched; everything has a default. */
export interface SimDiskOptions extends Partial<DiskRules> {
  /** The same seed, and the same calls, make the same run. Default 1. */
  readonly seed?: number
  /** Where choices are drawn from instead: the disk shares them with whoever drives it. */
  readonly choices?: Choices
  /** How many lines the trace holds. Default 0. */
  readonly traceLines?: number
  /** Whether the memory of unfinished writes is watched for changes (`violations`). Default true. */
  readonly watchMemory?: boolean
}

/**
 * A disk that exists in memory only, loses power when told to, and fails as real ones do; and the machine around it, with
 * its clock and its processes. Everything that is left to chance follows from the seed.
 *
 * ```ts
 * const disk = new SimDisk({ seed: 7 })
 * const storage = disk.process()
 * disk.faults = faultOnNth('dataSync', 3, 'power-cut')
 * // ... run something on `storage`: from the cut on, every call fails with a PowerLossError
 * const afterwards = disk.process()
 * ```
 *
 * What a power cut leaves: data that a successful sync covers, as it was when the sync began or newer; the names that a
 * sync of their directory covers. Of the rest, changes of a file's size survive up to one of them, moves of names in a
 * directory too, and sectors each for itself, or by the page, in any version since the last sync. A sector is old or new,
 * never a mixture; names in two directories are lost independently, but what is moved from one to another is in one of them.
 * The knobs change that (`DiskRules`).
 */
export class SimDisk {
  #machine: Machine
  readonly #processes: Map<SimStorage, SimProcess> = new Map()

  constructor(options?: SimDiskOptions)
  /** Of a machine that is there already. */
  constructor(machine: Machine)
  constructor(given: SimDiskOptions | Machine = {}) {
    this.#machine = given instanceof Machine ? given : createMachine(given)
  }

  /** Starts a process, or a thread of one: `identity` names what is to be other than by default. */
  process(identity: Partial<Owner> = {}): SimStorage {
    const process = this.#machine.startProcess(identity)
    const storage = new SimStorage(process)
    this.#processes.set(storage, process)
    return storage
  }

  /**
   * Cuts the power, and starts the machine again: another boot, and what has survived. Every process from before is dead:
   * calls that wait reject now, and each later call fails, with a `PowerLossError`. Callbacks of `soon` still run, so that
   * nothing hangs; timers do not. What no sync has covered survives in part, or none or all of it does.
   */
  cutPower(leaves: Survival = 'some'): void {
    this.#machine.cutPower(leaves)
  }

  /**
   * Kills a process, or all of them: calls that wait reject now, and each later one fails, with a `ProcessDeathError`. What
   * was written stays. Some calls under way still take effect later; until then, `isGone` says of their process that it is
   * not gone.
   */
  killProcess(storage?: SimStorage): void {
    if (storage === undefined) return this.#machine.killAll()
    this.#machine.kill(this.#processOf(storage))
  }

  /** Ends a process as if by itself: its files are closed for it, and calls under way are as those of a killed one. */
  endProcess(storage: SimStorage): void {
    this.#machine.kill(this.#processOf(storage), 'ends')
  }

  /** What a process has died of; undefined while it lives. One that has ended counts as killed. */
  deathOf(storage: SimStorage): Crash | undefined {
    return this.#processOf(storage).death
  }

  /** How many files and directories a process has open: one that has done its work should have none. */
  openFilesOf(storage: SimStorage): number {
    return this.#processOf(storage).openFiles
  }

  /** Asked about each operation; see faults.ts for ready-made ones. */
  get faults(): FaultHook | undefined {
    return this.#machine.faults
  }

  set faults(hook: FaultHook | undefined) {
    this.#machine.faults = hook
  }

  /** True: everything that would change the disk fails with EROFS. */
  get isReadOnly(): boolean {
    return this.#machine.medium.isReadOnly
  }

  set isReadOnly(isReadOnly: boolean) {
    this.#machine.medium.isReadOnly = isReadOnly
  }

  /** Room for so many bytes, taken in pages of 4096. Infinite by default; when it ends, a short write comes before ENOSPC. */
  get freeBytes(): number {
    return this.#machine.medium.capacityBytes - this.#machine.medium.usedBytes
  }

  set freeBytes(bytes: number) {
    this.#machine.medium.capacityBytes = this.#machine.medium.usedBytes + bytes
  }

  /**
   * By how many milliseconds the clock that gives files their times is ahead of `now`; behind it, if negative. To be set as clocks
   * are: by people, by a time server, by a battery that is empty.
   */
  get fileClockLeadMs(): number {
    return this.#machine.medium.clockLeadMs
  }

  set fileClockLeadMs(ms: number) {
    this.#machine.medium.clockLeadMs = ms
  }

  /** Makes a directory that survives from the start. */
  makeDirectory(path: string): void {
    this.#machine.tree.makeDirectory(path)
    this.#machine.tree.persistNames(path)
  }

  /** Makes a symbolic link at `path` that survives from the start. */
  symlink(target: string, path: string): void {
    this.#machine.tree.symlink(target, path)
  }

  /** The system writes a file back by itself and fails: the loss of a failed sync, told at the next sync of each descriptor. */
  failWriteback(path: string): void {
    const file = this.#machine.tree.fileAt(path)
    file.failWriteback(file.sequence, createFate(this.#machine.choices))
  }

  /** The system forgets what it has cached of a file and can read again: after a failed sync, reads see what was lost. */
  dropCache(path: string): void {
    this.#machine.tree.fileAt(path).evict()
  }

  /**
   * Bit rot: flips the bits of `xor` in one byte, on the disk, whatever a sync has promised. Reads see it at once, or, as
   * the page cache is well, when the disk is read again: after `dropCache`, or another boot.
   */
  corrupt(path: string, position: number, xor: number, seen: 'at-once' | 'when-read-again' = 'at-once'): void {
    this.#machine.tree.fileAt(path).corrupt(position, xor, seen === 'at-once')
  }

  /** Changes who may do what with a file or a directory, durably: processes are its owner, and not root. */
  setPermissions(path: string, permissions: number): void {
    const attributes = this.#machine.tree.attributesAt(path)
    attributes.become({ ...attributes.now, permissions })
  }

  /** Puts a file or a directory into a group, durably. Processes may put theirs into any. */
  setGroup(path: string, group: number): void {
    const attributes = this.#machine.tree.attributesAt(path)
    attributes.become({ ...attributes.now, group })
  }

  /**
   * Gives a file or a directory an extended attribute, durably; undefined takes it away. `system.posix_acl_access` is an
   * access control list: it goes with files as on Linux, and keeps nobody out. What is made in a directory with a
   * `system.posix_acl_default` gets that as its own. Those named `trusted.` are the superuser's, and no process may give them.
   */
  setAttribute(path: string, name: string, value: string | undefined): void {
    const attributes = this.#machine.tree.attributesAt(path)
    const extended = new Map(attributes.now.extended)
    if (value === undefined) extended.delete(name)
    else extended.set(name, value)
    attributes.become({ ...attributes.now, extended })
  }

  /** The extended attributes of a file or a directory, without an operation. */
  attributes(path: string): ReadonlyMap<string, string> {
    return this.#machine.tree.attributesAt(path).now.extended
  }

  /** The paths of all files, sorted. */
  files(): string[] {
    return this.#machine.tree.files()
  }

  /** The bytes of a file as reads see them, without an operation; undefined if there is none. */
  image(path: string, position = 0, length?: number): Uint8Array | undefined {
    const node = this.#machine.tree.stat(path)
    if (node?.kind !== 'file') return undefined
    const bytes = allocate(Math.max(0, Math.min(length ?? Infinity, node.size - position)))
    node.read(bytes, position)
    return bytes
  }

  /** The bytes of a file as a power cut now would leave them: by the seed, or without one, what is certain to survive. */
  durableImage(path: string, seed?: number): Uint8Array | undefined {
    const certain = seed === undefined ? this.#machine.tree.certainImage(path) : undefined
    return certain ?? this.afterPowerCut(seed ?? 'none').image(path)
  }

  /**
   * Another disk, as this one would be after a power cut now; this one goes on untouched. By a seed, or such that nothing
   * unsynced survives, or everything.
   */
  afterPowerCut(seed: number | 'none' | 'all'): SimDisk {
    return new SimDisk(this.#machine.afterPowerCut(seed))
  }

  /** Resolves when nothing is under way any more. Timers that wait are not waited for. */
  settle(): Promise<void> {
    return this.#machine.scheduler.settle()
  }

  /** Lets simulated time pass: timers go off, and what they start settles. */
  advance(ms: number): Promise<void> {
    return this.#machine.scheduler.advance(ms)
  }

  /** Simulated milliseconds since the disk was made. */
  get now(): number {
    return this.#machine.scheduler.now
  }

  /** How many operations have begun: the index of the next one. */
  get operationCount(): number {
    return this.#machine.operationCount
  }

  /** What happened last, one line each; see `traceLines`. */
  get trace(): readonly string[] {
    return this.#machine.trace.lines
  }

  /**
   * What was done that real disks punish only now and then: memory changed during a write, a write over the bytes of an
   * unfinished one, a file closed under a call.
   */
  get violations(): readonly string[] {
    return this.#machine.watch.violations
  }

  /** Puts a line of your own into the trace. */
  note(text: string): void {
    this.#machine.trace.note(this.now, text)
  }

  #processOf(storage: SimStorage): SimProcess {
    const process = this.#processes.get(storage)
    if (process === undefined) throw new TypeError('this process belongs to another disk')
    return process
  }
}

function createMachine(options: SimDiskOptions): Machine {
  const { seed = 1, choices, traceLines = 0, watchMemory = true, ...knobs } = options
  for (const name of Object.keys(knobs))
    if (!(name in DEFAULT_RULES)) throw new TypeError(`a simulated disk has no option ${name}`)
  // A spread of each takes ten times as long.
  const rules: DiskRules = Object.assign({}, DEFAULT_RULES, knobs)
  checkRules(rules)
  return new Machine({ seed, choices, rules, traceLines, watchMemory })
}
