import type { Clock, Owner, Owners } from '../storage.js'
import type { Crash } from './faults.js'
import type { FileDescription } from './file-description.js'
import type { Machine } from './machine.js'
import type { Medium } from './medium.js'
import type { Operation } from './operation.js'
import { PowerLossError, ProcessDeathError, systemError, withoutStack } from './sim-errors.js'
import type { Tree } from './tree.js'

/**
 * One simulated process, or one thread of it: who makes calls. After its death each call fails at once, and those that
 * wait have been rejected, so that code that still runs on its behalf comes to its end and cannot touch the disk.
 */
export class SimProcess {
  readonly owner: Owner
  readonly owners: Owners
  readonly clock: Clock
  readonly #machine: Machine
  /** Few: a set of them costs more. */
  #open: FileDescription[] = []
  #death: Crash | undefined
  #unfinished = 0

  constructor(machine: Machine, owner: Owner) {
    this.#machine = machine
    this.owner = owner
    this.owners = {
      self: () => owner,
      isGone: (other) => machine.isGone(owner, other),
      writersHere: ({ inode }) => machine.writersIn(owner.pid, inode),
      token: () => machine.token(),
    }
    this.clock = {
      now: () => machine.scheduler.now,
      soon: (callback) => machine.scheduler.soon(callback),
      sleep: (ms) => machine.scheduler.sleepWaiting(ms),
      sleepSync: (ms) => {
        machine.scheduler.sleep(ms)
        machine.scheduler.pass()
      },
      startTimer: (delayMs, callback) =>
        this.isAlive ? machine.scheduler.startTimer(this, delayMs, callback) : () => undefined,
    }
  }

  get death(): Crash | undefined {
    return this.#death
  }

  get isAlive(): boolean {
    return this.#death === undefined
  }

  /** Dead, and nothing that it began is under way any more. */
  get isGone(): boolean {
    return !this.isAlive && this.#unfinished === 0
  }

  get medium(): Medium {
    return this.#machine.medium
  }

  get device(): bigint {
    return this.#machine.device
  }

  get tree(): Tree {
    return this.#machine.tree
  }

  deathError(): Error {
    return this.#machine.withStack(
      withoutStack(() =>
        this.#death === 'kill'
          ? new ProcessDeathError(`process ${this.owner.pid} was killed`)
          : new PowerLossError('the power was cut'),
      ),
    )
  }

  die(death: Crash): void {
    this.#death ??= death
    this.#machine.scheduler.stopTimers(this)
    this.#closeAll()
  }

  /** How many descriptions it has open for writing of the file with this inode. */
  writersOf(inode: bigint): number {
    let count = 0
    for (const { node, mode } of this.#open) if (mode !== 'read' && node.identity.inode === inode) count += 1
    return count
  }

  get openFiles(): number {
    return this.#open.length
  }

  /** One more file is to be opened: fails if there are too many. */
  checkOpenFiles(path: string): void {
    const { openFilesMax } = this.medium.rules
    if (openFilesMax === Infinity || this.#machine.openFilesOf(this.owner.pid) < openFilesMax) return
    throw systemError('EMFILE', 'open', path)
  }

  opened(description: FileDescription): FileDescription {
    this.#open.push(description)
    return description
  }

  closing(description: FileDescription): void {
    if (this.isAlive) this.#machine.watch.closing(description.path, description.unanswered)
  }

  closed(description: FileDescription): void {
    description.isClosed = true
    const place = this.#open.indexOf(description)
    if (place >= 0) this.#open.splice(place, 1)
    const { node } = description
    if (node.kind !== 'file') return
    if (node.lockHolder === description) node.lockHolder = undefined
    this.tree.closed(node)
  }

  /** Makes a call that waits. */
  issue<Result>(operation: Operation<Result>): Promise<Result> {
    if (!this.isAlive) return Promise.reject(this.deathError())
    this.#unfinished += 1
    if (operation.description) operation.description.unanswered += 1
    const promise = new Promise<Result>(takeAnswer)
    operation.answer = takenAnswer
    this.#machine.issue(operation)
    return promise
  }

  /** Makes a call that blocks. */
  block<Result>(operation: Operation<Result>): Result {
    operation.isBlocking = true
    const { scheduler } = this.#machine
    this.#mustLive()
    this.#machine.watch.blocking(operation)
    scheduler.pass()
    this.#mustLive()
    this.#machine.begin(operation)
    if (operation.delayMs > 0) scheduler.sleep(operation.delayMs)
    if (operation.isLong) scheduler.pass()
    this.#mustLive()
    return this.#machine.complete(operation)
  }

  /** Blocks until a call that waits has been answered. */
  finish<Result>(operation: Operation<Result>): Result {
    this.#mustLive()
    this.#machine.scheduler.finish(operation)
    this.#mustLive()
    if (operation.error !== undefined) throw operation.error
    return operation.result as Result
  }

  over(operation: Operation): void {
    this.#unfinished -= 1
    if (operation.description) operation.description.unanswered -= 1
    this.#closeAll()
  }

  #mustLive(): void {
    if (!this.isAlive) throw this.deathError()
  }

  /** The last thing a process does: its calls hold its files open. */
  #closeAll(): void {
    if (!this.isGone) return
    const open = this.#open
    this.#open = []
    for (const description of open) this.closed(description)
  }
}

// One function for every promise: a closure a call would cost more.
let takenAnswer: Operation['answer']

function takeAnswer(resolve: (result: never) => void, reject: (error: unknown) => void): void {
  takenAnswer = { resolve, reject }
}
