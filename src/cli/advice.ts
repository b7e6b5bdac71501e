import type { PlatformFacts } from '../platform/facts.js'
import type { SyncLatency } from './sync-latency.js'

/** What is worth knowing about a place before something is kept there. */
export interface Advice {
  /** Stable, for programs. */
  readonly code: AdviceCode
  /** A problem: what is written there may be lost, or nothing can be written. Otherwise, a hint. */
  readonly isProblem: boolean
  readonly text: string
}

export type AdviceCode =
  | 'memory'
  | 'sync-weakened'
  | 'sync-too-fast'
  | 'sync-faster-than-drive'
  | 'sync-failed'
  | 'sync-slow'
  | 'sync-uneven'
  | 'not-writable'
  | 'writable-unknown'
  | 'engine-unavailable'
  | 'no-directory-sync'
  | 'network'
  | 'host'
  | 'fuse'
  | 'overlay'
  | 'unknown-file-system'
  | 'virtual-drive'
  | 'no-direct-io'
  | 'no-io-uring'
  | 'no-addon'
  | 'no-birth-times'
  | 'memory-limit'

/** What the advice is about. */
export interface Diagnosis {
  readonly facts: PlatformFacts
  readonly latency: SyncLatency
  /** Why the engine that FSYS_ENGINE names cannot be had. */
  readonly engineFailure: string | undefined
  readonly isDirectorySynced: boolean | 'unknown'
}

/** Problems first. Pure. */
export function advise(diagnosis: Diagnosis): Advice[] {
  const all = [...onPlace(diagnosis), ...onFileSystem(diagnosis), ...onLatency(diagnosis), ...onMeans(diagnosis)]
  return [...all.filter((advice) => advice.isProblem), ...all.filter((advice) => !advice.isProblem)]
}

const problem = (code: AdviceCode, text: string): Advice => ({ code, isProblem: true, text })
const hint = (code: AdviceCode, text: string): Advice => ({ code, isProblem: false, text })

/** On tmpfs, where it does nothing, a sync of a page takes 2 to 3 us. No drive takes a write and a flush in so few. */
const SYNC_US_MIN = 10
/** A disk of 15,000 revolutions a minute needs 2 ms on average until the place comes round; one of 7200, 4 ms. */
const HDD_SYNC_US_MIN = 1000
const SLOW_US = 5000
const UNEVEN_US = 100_000
const MEMORY_BYTES_MIN = 256 * 2 ** 20

function* onPlace({ facts, isDirectorySynced, engineFailure }: Diagnosis): Generator<Advice> {
  const { fileSystem, directIo } = facts
  if (fileSystem.isReadOnly === true) {
    yield problem('not-writable', 'the file system is mounted read-only: journals can be read here, and not written')
  } else if (fileSystem.isWritable === false) {
    yield problem('not-writable', `this user may not write here: ${directIo.reason ?? 'a file could not be made'}`)
  } else if (fileSystem.isWritable === 'unknown') {
    const reason = directIo.reason ?? facts.birthTimes.reason ?? 'the system does not say why'
    yield problem('writable-unknown', `whether files can be written here could not be found out: ${reason}`)
  }
  if (isDirectorySynced === false) {
    yield hint(
      'no-directory-sync',
      'a directory cannot be synced here: the name of a new file may be lost at a power cut',
    )
  }
  if (engineFailure !== undefined) yield problem('engine-unavailable', engineFailure)
}

function* onFileSystem({ facts: { fileSystem, drive } }: Diagnosis): Generator<Advice> {
  const { type, class: kind, syncWeakenedBy } = fileSystem
  // Without barriers the drive's cache is not flushed, which matters where it has one.
  if (syncWeakenedBy !== undefined && (syncWeakenedBy.endsWith('volatile') || drive.hasPowerLossProtection !== true)) {
    const text = `mounted with ${syncWeakenedBy}: a sync does not reach the disk, and what it has confirmed can be lost`
    yield problem('sync-weakened', text)
  }
  switch (kind) {
    case 'memory':
      yield problem('memory', `${type} is memory: nothing in it survives power loss, or the end of a container`)
      break
    case 'network':
      yield hint(
        'network',
        `${type}: whether a sync reaches a disk is up to the server, and locks are judged by host name`,
      )
      break
    case 'host':
      yield hint(
        'host',
        `${type}: shared by the host, and whether a sync reaches a disk is up to it; a disk of its own is safer`,
      )
      break
    case 'fuse':
      yield hint('fuse', `${type}: whether a sync reaches a disk is up to the program behind it`)
      break
    case 'overlay':
      yield hint('overlay', 'the layer of a container is removed with it: keep what is to stay in a volume')
      break
    case 'unknown':
      yield hint('unknown-file-system', `file system ${type}: it is not known whether its syncs can be trusted`)
      break
    case 'disk':
      break
  }
  if (drive.kind === 'virtual' && kind === 'disk') {
    yield hint(
      'virtual-drive',
      'a virtual drive: whether a flush reaches a disk is up to the hypervisor and how it was told to cache',
    )
  }
}

function* onLatency({ facts: { fileSystem, drive }, latency }: Diagnosis): Generator<Advice> {
  if (latency.failure !== undefined) yield problem('sync-failed', `writing or syncing has failed: ${latency.failure}`)
  if (latency.us.count === 0) return
  const [median, slow] = [latency.us.quantile(0.5), latency.us.quantile(0.99)]
  if (median < SYNC_US_MIN && fileSystem.class !== 'memory') {
    const text =
      `half of all syncs take no more than ${median} us, and no drive is that fast: something does not pass them on ` +
      '(a library that turns them off, sync=disabled, a sandbox)'
    yield problem('sync-too-fast', text)
  } else if (drive.isRotational === true && median < HDD_SYNC_US_MIN) {
    const text = `half of all syncs take no more than ${median} us, and a hard disk cannot: a controller with a battery, or nobody flushes`
    yield hint('sync-faster-than-drive', text)
  }
  if (median > SLOW_US) {
    const text = `one caller alone gets ${Math.max(Math.round(1e6 / median), 1)} commits a second here; let many wait at the same time, and they share a sync`
    yield hint('sync-slow', text)
  }
  if (slow > UNEVEN_US) {
    yield hint(
      'sync-uneven',
      `one sync in a hundred takes more than ${Math.round(slow / 1000)} ms: others use the drive, or its cache is full`,
    )
  }
}

/** A fallback costs speed, or comfort, and no durability. */
function* onMeans({ facts }: Diagnosis): Generator<Advice> {
  const { directIo, ioUring, addon, birthTimes, memory } = facts
  if (addon.isAvailable === false) {
    yield hint('no-addon', `no native addon, so that a commit takes two trips to the disk: ${addon.reason}`)
  } else if (ioUring.isAvailable === false) {
    yield hint(
      'no-io-uring',
      `no io_uring, so that direct mode uses threads: ${ioUring.reason}; container profiles often forbid it`,
    )
  }
  if (directIo.isAvailable === false) {
    yield hint('no-direct-io', `no direct I/O, so that the option direct changes nothing: ${directIo.reason}`)
  }
  if (birthTimes.isAvailable === false) {
    const text =
      'no birth times, so that journals have no durable mark: opening one writes all of it again, and damage is harder to tell from a crash'
    yield hint('no-birth-times', text)
  }
  if (memory.limitBytes !== undefined && memory.limitBytes < MEMORY_BYTES_MIN) {
    const text = `${Math.round(memory.limitBytes / 2 ** 20)} MiB of memory: each open journal takes two buffers of logBufferBytes, 1 MiB by default`
    yield hint('memory-limit', text)
  }
}
