import { constants } from 'node:fs'
import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import { resolve } from 'node:path'

import { checkNames, settlePath, truth } from '../checks.js'
import type { Capability, CpuFacts, MemoryFacts, PlatformFacts } from './facts.js'
import { type NativeAddonFound, nativeAddon, nativeError } from './native-addon.js'
import { describeCpu } from './probe/cpu.js'
import { findDrive, UNKNOWN_DRIVE } from './probe/drive.js'
import { describeFileSystem, knowledgeOf } from './probe/file-systems.js'
import { findMount, type Mount, mountIdOf, parseMountInfo } from './probe/mount-info.js'
import { type ExistingPlace, findPlace } from './probe/place.js'
import { systemFiles } from './probe/system-files.js'
import { type Trials, tryOut, untried } from './probe/trials.js'

export interface ProbeOptions {
  /** Whether to look again, though it is known from before. Default false. */
  readonly refresh?: boolean
}

/**
 * Tells what this machine, and the place that a path leads to, can do: the drive, the file system, what is to be had of
 * direct I/O, io_uring and the like. Facts are of the path's directory; without a path, of the working directory. A path
 * that does not exist counts as the nearest directory above it that does.
 *
 * It needs no privileges, and takes no longer than a few seconds, even where a file system does not answer. What cannot be
 * found out is 'unknown'. In a directory that can be written, some things are found out by trying them on a file of 4 KiB
 * that has no name, or, where the file system has no such files, none after it has been opened.
 *
 * The same frozen object comes back for the same directory, until `refresh` asks for a new one; the last 256 are kept.
 *
 * Never rejects, except for the caller's mistakes: a TypeError with ERR_FSYS_INVALID_ARGUMENT for what is no path, or for
 * an option that does not exist.
 */
export async function probe(path: string | URL = '.', options: ProbeOptions = {}): Promise<PlatformFacts> {
  checkNames('probe', options, ['refresh'])
  const refresh = truth('refresh', options.refresh ?? false)
  const absolute = resolve(settlePath(path, 'a place'))
  const place = await within(PLACE_MS_MAX, search(absolute), undefined)
  const key = place?.path ?? ''
  let facts = refresh || place === undefined ? undefined : known.get(key)
  if (facts === undefined) {
    facts = examine(absolute, place)
    if (place !== undefined) remember(key, facts)
  }
  return facts
}

const PLACE_MS_MAX = 2000
const PART_MS_MAX = 2000
/** A busy disk takes its time. */
const TRIALS_MS_MAX = 5000
const KNOWN_MAX = 256

/** By directory. */
const known = new Map<string, Promise<PlatformFacts>>()

function remember(key: string, facts: Promise<PlatformFacts>): void {
  known.delete(key)
  known.set(key, facts)
  const [oldest] = known.keys()
  if (known.size > KNOWN_MAX && oldest !== undefined) known.delete(oldest)
}

/** Those under way, by path. */
const searches = new Map<string, Promise<ExistingPlace | undefined>>()

/** A path that does not answer keeps a thread of the pool: one, however often it is asked for. */
function search(absolute: string): Promise<ExistingPlace | undefined> {
  let found = searches.get(absolute)
  if (found === undefined) {
    found = findPlace(absolute).finally(() => searches.delete(absolute))
    searches.set(absolute, found)
  }
  return found
}

async function examine(absolute: string, place: ExistingPlace | undefined): Promise<PlatformFacts> {
  const addon = nativeAddon()
  const [mount, number, trials, cpuinfo, ringSwitch] = await Promise.all([
    mountOf(absolute, place),
    place === undefined ? undefined : within(PART_MS_MAX, statfsNumber(place.path), undefined),
    trialsIn(place, addon),
    systemFiles.text('/proc/cpuinfo'),
    systemFiles.text('/proc/sys/kernel/io_uring_disabled'),
  ])
  const fileSystem = describeFileSystem(mount, number, trials.isWritable)
  const device = mount?.device ?? place?.device
  const drive =
    device === undefined
      ? UNKNOWN_DRIVE
      : await within(PART_MS_MAX, findDrive(systemFiles, { device, mount, class: fileSystem.class }), UNKNOWN_DRIVE)
  const knowledge = knowledgeOf(fileSystem.type)
  return freeze({
    directory: place?.path ?? absolute,
    platform: process.platform,
    arch: process.arch,
    kernel: os.release(),
    fileSystem,
    drive,
    directIo: better(trials.directIo, knowledge.directIo),
    reflink: better(trials.reflink, knowledge.reflink),
    holePunching: better(trials.holePunching, knowledge.holePunching),
    birthTimes: trials.birthTimes,
    ioUring: describeRing(addon, ringSwitch),
    addon: addon.addon === undefined ? { isAvailable: false, reason: addon.reason } : { isAvailable: true },
    cpu: describeProcessor(cpuinfo),
    memory: describeMemory(),
  })
}

function trialsIn(place: ExistingPlace | undefined, addon: NativeAddonFound): Promise<Trials> | Trials {
  if (place === undefined) return untried('the path cannot be reached, or does not answer', 'unknown')
  if (!place.isDirectory) return untried('a file is mounted there by itself', 'unknown')
  return within(TRIALS_MS_MAX, tryOut(place.path, addon), untried('the file system does not answer', 'unknown'))
}

/** What was tried, or else what is known of such file systems. */
function better(tried: Capability, certain: Capability | undefined): Capability {
  return tried.isAvailable === 'unknown' && certain !== undefined ? certain : tried
}

async function mountOf(absolute: string, place: ExistingPlace | undefined): Promise<Mount | undefined> {
  const mounts = parseMountInfo((await systemFiles.text('/proc/self/mountinfo')) ?? '')
  if (place === undefined || mounts.length === 0) return findMount(mounts, undefined, absolute)
  return findMount(mounts, await within(PART_MS_MAX, mountIdAt(place.path), undefined), place.path)
}

/** A descriptor knows the mount that it was opened on; this kind (O_PATH) takes no permission to read. */
async function mountIdAt(path: string): Promise<number | undefined> {
  const file = await fs.open(path, constants.O_RDONLY | O_PATH)
  try {
    return mountIdOf(await systemFiles.text(`/proc/self/fdinfo/${file.fd}`))
  } finally {
    await file.close()
  }
}

/** Linux's, which Node does not have. */
const O_PATH = 0o10_000_000

async function statfsNumber(path: string): Promise<number | undefined> {
  // Elsewhere numbers mean something else.
  return process.platform === 'linux' ? (await fs.statfs(path)).type : undefined
}

/** Found out by making this thread's ring, which then serves its journals in direct mode. */
function describeRing(found: NativeAddonFound, ringSwitch: string | undefined): Capability {
  if (process.platform !== 'linux') return { isAvailable: false, reason: 'it is for Linux' }
  const isOff = ringSwitch === '2'
  if (found.addon === undefined) {
    if (isOff) return { isAvailable: false, reason: 'kernel.io_uring_disabled is 2' }
    return { isAvailable: 'unknown', reason: `the native addon is missing, ${found.reason}` }
  }
  const result = found.addon.ringOpen()
  if (result >= 0) return { isAvailable: true }
  const why = ringSwitch === undefined || ringSwitch === '0' ? '' : ` (kernel.io_uring_disabled is ${ringSwitch})`
  return { isAvailable: false, reason: `${nativeError(result, 'io_uring_setup').message}${why}` }
}

function describeProcessor(cpuinfo: string | undefined): CpuFacts {
  return {
    model: os.cpus()[0]?.model ?? 'unknown',
    parallelism: os.availableParallelism(),
    ...describeCpu(process.arch, cpuinfo),
  }
}

function describeMemory(): MemoryFacts {
  const totalBytes = os.totalmem()
  const limitBytes = process.constrainedMemory()
  // Without a limit, this is 0, or more than there is.
  return limitBytes > 0 && limitBytes < totalBytes ? { totalBytes, limitBytes } : { totalBytes }
}

/** What a promise resolves to, if that is soon; otherwise, and if it rejects, something else. */
async function within<Value>(ms: number, promise: Promise<Value>, otherwise: Value): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Value>((done) => (timer = setTimeout(done, ms, otherwise)))
  try {
    return await Promise.race([promise.catch(() => otherwise), late])
  } finally {
    clearTimeout(timer)
  }
}

function freeze<Value extends object>(value: Value): Value {
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null) freeze(part as object)
  }
  return Object.freeze(value)
}
