import { closeSync, constants, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { constants as os } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

import { loadNativeAddon, nativeError, type NativeAddon } from '#src/platform/native-addon.js'

import { unavailable } from '../support/unavailable.js'

/** The addon with faults to order in it; everything else in it is the same. */
export interface FaultyAddon extends NativeAddon {
  /**
   * One call of this kind will fail: the one after so many good ones. A value of 0 takes it back. Returns whether the one
   * that was set before has not come yet.
   */
  setFault(kind: number, goodOnes: number, value: number): boolean
}

/** Short writes have so many bytes; failures have an errno. */
export const Fault = { shortWrite: 0, write: 1, sync: 2 } as const

/** FSYS_TEST_ADDON is for scripts/check-native.js: the same tests on other builds of the addon. */
export const addonPath: string =
  process.env['FSYS_TEST_ADDON'] ?? fileURLToPath(new URL('../../native/fsys.faults.node', import.meta.url))

export const hasAddon: boolean = existsSync(addonPath)

/** Skips the test, and says why, where no addon could be built. */
export function addonFor(context: Pick<TestContext, 'skip'>): FaultyAddon | undefined {
  if (hasAddon) return loadNativeAddon(addonPath) as FaultyAddon
  unavailable(context, 'the native addon could not be built')
  return undefined
}

/** The same, with this thread's ring open; also skips where there can be none. */
export function ringFor(context: Pick<TestContext, 'skip'>): FaultyAddon | undefined {
  const addon = addonFor(context)
  const result = addon?.ringOpen() ?? 0
  if (result === 0) return addon
  unavailable(context, `no io_uring: ${nativeError(result, 'io_uring_setup').message}`)
  return undefined
}

/** A directory on a real disk, beside this test: the one for temporary files is often in memory. */
export function diskDirectory(context: Pick<TestContext, 'after'>): string {
  const path = mkdtempSync(join(import.meta.dirname, 'disk-'))
  context.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A new file, open for reading and writing until the test is over. */
export function openFile(context: Pick<TestContext, 'after'>, path: string, flags = 0): number {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | flags, 0o600)
  context.after(() => closeSync(fd))
  return fd
}

export interface Outcome {
  readonly result: number
  readonly written: number
}

/** What comes of an operation, whether it fails at once or is waited for. */
export function outcomeOf(start: (callback: (result: number, written?: number) => void) => number): Promise<Outcome> {
  return new Promise((resolve) => {
    const operation = start((result, written = 0) => resolve({ result, written }))
    if (operation < 0) resolve({ result: operation, written: 0 })
  })
}

export function errno(code: keyof typeof os.errno): number {
  return -os.errno[code]
}
