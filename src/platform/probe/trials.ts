import * as fs from 'node:fs/promises'

import { errnoOf } from '../../errors.js'
import { birthTimeOf } from '../birth-times.js'
import type { Capability, Unknown } from '../facts.js'
import { FallocateMode, type NativeAddonFound, nativeError } from '../native-addon.js'
import { pageMemory } from '../page-memory.js'
import { openScratchFile } from '../scratch-file.js'

/** What has been found out by trying it. */
export interface Trials {
  readonly isWritable: boolean | Unknown
  readonly directIo: Capability
  readonly reflink: Capability
  readonly holePunching: Capability
  readonly birthTimes: Capability
}

/**
 * Tries things out on scratch files of one page in a directory.
 */
export async function tryOut(directory: string, found: NativeAddonFound): Promise<Trials> {
  let file: fs.FileHandle
  try {
    file = await openScratchFile(directory)
  } catch (error) {
    const reason = `no file can be made here: ${reasonOf(error)}`
    const trials = untried(reason, REFUSALS.has(errnoOf(error) ?? '') ? false : 'unknown')
    return (await hasBirthTime(directory)) ? { ...trials, birthTimes: YES } : trials
  }
  try {
    await file.write(Buffer.alloc(PAGE_BYTES), 0, PAGE_BYTES, 0)
    // One after the other: they use one file.
    return {
      isWritable: true,
      directIo: await capability(() => tryDirectIo(file)),
      reflink: await capability(() => tryReflink(file, directory)),
      holePunching: await capability(() => tryHolePunching(file, found)),
      birthTimes: await capability(() => tryBirthTime(file)),
    }
  } catch (error) {
    return untried(`nothing can be written here: ${reasonOf(error)}`, 'unknown')
  } finally {
    await file.close().catch(() => undefined)
  }
}

/** Where nothing can be tried. */
export function untried(reason: string, isWritable: boolean | Unknown): Trials {
  const unclear: Capability = { isAvailable: 'unknown', reason }
  return {
    isWritable,
    directIo: process.platform === 'linux' ? unclear : LINUX_ONLY,
    reflink: unclear,
    holePunching: unclear,
    birthTimes: unclear,
  }
}

const PAGE_BYTES = 4096

const REFUSALS: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS'])

const LINUX_ONLY: Capability = { isAvailable: false, reason: 'it is for Linux' }

const { O_RDWR, O_DIRECT } = fs.constants

/** Not what a file is opened with alone: some file systems refuse the first write only. */
async function tryDirectIo(file: fs.FileHandle): Promise<Capability> {
  if (process.platform !== 'linux') return LINUX_ONLY
  const page = new Uint8Array(pageMemory(PAGE_BYTES))
  const direct = await fs.open(pathOf(file), O_RDWR | O_DIRECT)
  try {
    await direct.write(page, 0, PAGE_BYTES, 0)
    return YES
  } finally {
    await direct.close()
  }
}

/** Names that lead to open files will do for copying, and files without a name have no others. */
async function tryReflink(file: fs.FileHandle, directory: string): Promise<Capability> {
  if (process.platform !== 'linux') return { isAvailable: 'unknown', reason: 'it is tried on Linux only' }
  const copy = await openScratchFile(directory)
  try {
    await fs.copyFile(pathOf(file), pathOf(copy), fs.constants.COPYFILE_FICLONE_FORCE)
    return YES
  } finally {
    await copy.close()
  }
}

async function tryHolePunching(file: fs.FileHandle, { addon, ...rest }: NativeAddonFound): Promise<Capability> {
  if (addon === undefined) {
    const why = 'reason' in rest ? rest.reason : ''
    return { isAvailable: 'unknown', reason: `the native addon is missing, ${why}` }
  }
  const mode = FallocateMode.punchHole | FallocateMode.keepSize
  const result = await new Promise<number>((resolve) => {
    const started = addon.fallocate(file.fd, mode, 0, PAGE_BYTES, resolve)
    if (started < 0) resolve(started)
  })
  if (result < 0) throw nativeError(result, 'fallocate')
  return YES
}

async function tryBirthTime(file: fs.FileHandle): Promise<Capability> {
  if (birthTimeOf(await file.stat({ bigint: true })) > 0n) return YES
  return { isAvailable: false, reason: 'the file system keeps no birth times' }
}

/** Where files have one, directories have one too; but not all tools that make a file system give one to its root. */
async function hasBirthTime(directory: string): Promise<boolean> {
  try {
    return birthTimeOf(await fs.stat(directory, { bigint: true })) > 0n
  } catch {
    return false
  }
}

const YES: Capability = { isAvailable: true }

async function capability(attempt: () => Promise<Capability>): Promise<Capability> {
  try {
    return await attempt()
  } catch (error) {
    // These say that there is no such thing here; any other error says nothing about it.
    const isRefusal = ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'ENOTTY', 'EXDEV'].includes(errnoOf(error) ?? '')
    return { isAvailable: isRefusal ? false : 'unknown', reason: reasonOf(error) }
  }
}

function pathOf({ fd }: fs.FileHandle): string {
  return `/proc/self/fd/${fd}`
}

/** Without the path, which is one of /proc or of a file that is gone. */
function reasonOf(error: unknown): string {
  const { syscall, message } = error as NodeJS.ErrnoException
  const errno = errnoOf(error)
  return errno === undefined || syscall === undefined ? message : `${syscall}: ${errno}`
}
