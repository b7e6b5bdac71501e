import type { DurabilityMethod } from '#src/handle/method.js'

/** What the writer is to do until the power goes: a plan in JSON. */
export interface CutPlan {
  readonly base: string
  readonly seed: number
  readonly method: DurabilityMethod
  /** The first version that nobody has asked for yet. */
  readonly version: number
  /** What it replaces, all at the same time. */
  readonly files: readonly string[]
  /** Something to be found out: it leaves the sync of the directory out, or that of the draft. */
  readonly fault?: CutFault
}

export type CutFault = 'no-directory-sync' | 'no-file-sync'

/** What it says: a version of a file is on its way, or was acknowledged. */
export type CutMessage =
  | { readonly asked: number; readonly file: string }
  | { readonly done: number; readonly file: string }
  | { readonly failed: string }

export const CUT_FILES: readonly string[] = ['a', 'b', 'd/c']

/** What a file holds in a version: its number first, then bytes that follow from it. */
export function contentOf(version: number): Buffer {
  const length = [40, 700, 5000, 40_000, 300_000][version % 5] ?? 40
  return Buffer.alloc(length, `version ${version} `)
}

/** The version that stands there whole; undefined if it is none. */
export function versionOf(content: Buffer): number | undefined {
  const found = /^version (?<version>\d+) /u.exec(content.toString('latin1', 0, 40))?.groups?.['version']
  return found !== undefined && contentOf(Number(found)).equals(content) ? Number(found) : undefined
}
