import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { hostname } from 'node:os'

import type { FileFacts, Owner, Owners } from '../storage/storage.js'
import { whereabouts } from '../storage/whereabouts.js'

/** The real owners: this host's processes and threads. */
export const owners: Owners = createOwners('/proc')

const UNKNOWN = 'unknown'

/**
 * Owners as a Linux process file system at `proc` shows them. Where there is none, an owner is a process, and it is gone
 * when the host is mine and the system knows no such process.
 */
export function createOwners(proc: string): Owners {
  let me: Owner | undefined
  const self = (): Owner => (me ??= describeSelf(proc))
  return {
    self,
    isGone: (owner) => isGone(proc, self(), owner),
    writersHere: (file) => writersHere(proc, file),
    token: () => randomUUID(),
  }
}

/** What a process has open, its threads share: all of it stands in /proc/self/fd. */
function writersHere(proc: string, { device, inode }: FileFacts): number {
  let descriptors: string[]
  try {
    descriptors = readdirSync(`${proc}/self/fd`)
  } catch {
    return 0
  }
  return descriptors.filter((descriptor) => {
    const facts = statSync(`${proc}/self/fd/${descriptor}`, { bigint: true, throwIfNoEntry: false })
    if (facts?.dev !== device || facts.ino !== inode) return false
    // The flags of open(2), in octal; the lowest two bits are the access mode, and 0 is reading only.
    const flags = /^flags:\s*([0-7]+)$/mu.exec(readText(`${proc}/self/fdinfo/${descriptor}`) ?? '')?.[1]
    return flags !== undefined && (Number.parseInt(flags, 8) & 3) !== 0
  }).length
}

/** Blocking calls run in the calling thread, so that its own entry is what `thread-self` shows, in a worker thread too. */
function describeSelf(proc: string): Owner {
  const boot = readText(`${proc}/sys/kernel/random/boot_id`) ?? UNKNOWN
  const owner = { host: describeHost(), boot, pidNamespace: describeNamespace(proc), pid: process.pid }
  const [pid, , thread] = readLink(`${proc}/thread-self`)?.split('/') ?? []
  // A mounted /proc can belong to another namespace than this process: its numbers are not ours then.
  const task = Number(pid) === process.pid ? readTask(proc, process.pid, Number(thread)) : undefined
  if (typeof task !== 'object') return { ...owner, thread: 0, startTime: 0 }
  return { ...owner, thread: Number(thread), startTime: task.startTime }
}

function describeHost(): string {
  const machine = readText('/etc/machine-id')
  return machine ? `${machine} ${hostname()}` : hostname()
}

/**
 * The time namespace belongs to it: Linux shifts the start times that it shows by the reader's boot-time offset
 * (fs/proc/array.c, `timens_add_boottime_ns`), so a reader in another one would take a living thread for a later one.
 */
function describeNamespace(proc: string): string {
  const pid = readLink(`${proc}/self/ns/pid`)
  const time = readLink(`${proc}/self/ns/time`)
  if (pid === undefined) return UNKNOWN
  return time === undefined ? pid : `${pid} ${time}`
}

function isGone(proc: string, me: Owner, owner: Owner): boolean {
  const place = whereabouts(me, owner)
  if (place !== 'here') return place === 'before'
  if (!isId(owner.pid)) return false
  const tellsThreads = isId(me.thread) && me.startTime > 0
  const ownerIsThread = isId(owner.thread) && owner.startTime > 0
  if (!tellsThreads || !ownerIsThread) return !processExists(owner.pid)
  return isThreadGone(proc, owner)
}

function isThreadGone(proc: string, owner: Owner): boolean {
  const task = readTask(proc, owner.pid, owner.thread)
  if (task === 'unreadable') return false
  if (task !== 'none') {
    if (task.startTime !== owner.startTime) return true
    if (!isExiting(task)) return false
  }
  const leader = readTask(proc, owner.pid, owner.pid)
  if (leader === 'unreadable') return false
  // Processes of other users can be hidden (mount option hidepid=2), so an absent entry alone proves nothing.
  if (leader === 'none') return !processExists(owner.pid)
  // A thread that ended in a living process has waited for its calls. In a process that is being killed, a pool thread
  // that sits in an uninterruptible write can outlive it.
  return isEnding(proc, owner.pid, leader) ? isEveryTaskDead(proc, owner.pid) : true
}

function isEveryTaskDead(proc: string, pid: number): boolean {
  let threads
  try {
    threads = threadsOf(proc, pid)
  } catch (error) {
    return isAbsence(error) && !processExists(pid)
  }
  return threads.every((thread) => {
    const task = readTask(proc, pid, thread)
    return task === 'none' || (task !== 'unreadable' && isDead(task))
  })
}

function threadsOf(proc: string, pid: number): number[] {
  return readdirSync(`${proc}/${pid}/task`).map(Number)
}

interface Task {
  readonly state: string
  /** The kernel's PF_ bits. */
  readonly flags: number
  readonly startTime: number
}

const PF_EXITING = 0x4
const SIGKILL_PENDING = 1n << 8n

function isDead(task: Task): boolean {
  return task.state === 'Z' || task.state === 'X'
}

/**
 * It runs no more code of its own. A thread that has been waited for (pthread_join) can keep its entry for a moment: the
 * kernel wakes the waiter in the middle of the thread's exit (kernel/exit.c, `do_exit`: `exit_signals`, `exit_mm`, then
 * `exit_notify`).
 */
function isExiting(task: Task): boolean {
  return isDead(task) || (task.flags & PF_EXITING) !== 0
}

/**
 * Whether the process is being killed. All threads get SIGKILL at once, and each has it pending until it takes it: the leader
 * some time before it can be seen to exit (kernel/signal.c, `get_signal`), one that sits in a write when that has returned.
 */
function isEnding(proc: string, pid: number, leader: Task): boolean {
  if (isExiting(leader)) return true
  try {
    return threadsOf(proc, pid).some((thread) => isBeingKilled(proc, pid, thread))
  } catch {
    return true
  }
}

function isBeingKilled(proc: string, pid: number, thread: number): boolean {
  const status = readText(`${proc}/${pid}/task/${thread}/status`)
  if (status === undefined) return readTask(proc, pid, thread) !== 'none'
  const pending = /^SigPnd:\s*([0-9a-f]+)$/m.exec(status)?.[1]
  return pending === undefined || (BigInt(`0x${pending}`) & SIGKILL_PENDING) !== 0n
}

/** See proc_pid_stat(5): the second field is the command's name, in parentheses, and can hold spaces and parentheses itself. */
function readTask(proc: string, pid: number, thread: number): Task | 'none' | 'unreadable' {
  let text
  try {
    text = readFileSync(`${proc}/${pid}/task/${thread}/stat`, 'latin1')
  } catch (error) {
    return isAbsence(error) ? 'none' : 'unreadable'
  }
  // The fields from the third on: state is number 3, flags 9, starttime 22.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const task = { state: fields[0] ?? '', flags: Number(fields[6]), startTime: Number(fields[19]) }
  return task.state !== '' && task.startTime > 0 ? task : 'unreadable'
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

/** Lock files are read from disk: a pid of 0 or below would ask about whole groups of processes. */
function isId(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0
}

/** ESRCH is what reading an open entry says whose thread has just ended. */
function isAbsence(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH'
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').trim() || undefined
  } catch {
    return undefined
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
