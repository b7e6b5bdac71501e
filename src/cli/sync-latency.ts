import { fdatasyncSync, writeSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { openScratchFile } from '../platform/scratch-file.js'
import { Distribution } from './distribution.js'

/** How long syncs take. */
export interface SyncLatency {
  /** In microseconds; of none where nothing could be measured. */
  readonly us: Distribution
  /** Why it ended early. */
  readonly failure: string | undefined
}

export const NOT_MEASURED: SyncLatency = { us: new Distribution(), failure: undefined }

/** What is written before each sync. */
export const SYNCED_BYTES = 4096

/** The scratch file has so many pages, written in turn. */
const PAGES = 16

/**
 * Writes one page of a scratch file and syncs it, again and again for so many seconds, or until the signal. The file has all
 * its blocks before, so that it is the drive that is measured, and not how the file system grows a file; and it blocks, so
 * that it is not the way to another thread.
 */
export async function measureSync(directory: string, seconds: number, signal: AbortSignal): Promise<SyncLatency> {
  const us = new Distribution()
  let file: FileHandle | undefined
  try {
    file = await openScratchFile(directory)
    await file.write(Buffer.alloc(PAGES * SYNCED_BYTES), 0, PAGES * SYNCED_BYTES, 0)
    await file.sync()
    await fill(us, file.fd, seconds, signal)
    return { us, failure: undefined }
  } catch (error) {
    return { us, failure: (error as Error).message }
  } finally {
    await file?.close().catch(() => undefined)
  }
}

async function fill(us: Distribution, fd: number, seconds: number, signal: AbortSignal): Promise<void> {
  const page = Buffer.alloc(SYNCED_BYTES, 'fsys')
  const end = performance.now() + seconds * 1000
  for (let turn = 0; performance.now() < end && !signal.aborted; turn++) {
    const began = performance.now()
    const written = writeSync(fd, page, 0, SYNCED_BYTES, (turn % PAGES) * SYNCED_BYTES)
    if (written < SYNCED_BYTES) throw new Error(`only ${written} of ${SYNCED_BYTES} bytes could be written`)
    fdatasyncSync(fd)
    us.add(Math.round((performance.now() - began) * 1000))
    // Signals are heard between two syncs.
    await nextTurn()
  }
}
