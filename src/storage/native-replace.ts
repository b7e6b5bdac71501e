import { type NativeAddon, nativeError } from '../platform/native-addon.js'
import type { FileReplacement, ReplaceOutcome } from './storage.js'

/** Replaces files in an open directory as one job of the thread pool. The contents are copied: they may change afterwards. */
export async function replaceFiles(
  addon: NativeAddon,
  directory: number,
  files: readonly FileReplacement[],
  needsFullSync: boolean,
): Promise<ReplaceOutcome[]> {
  const table = new Int32Array(files.length * FIELDS)
  for (const [index, { content, permissions }] of files.entries()) {
    table[index * FIELDS] = content.length
    table[index * FIELDS + 1] = permissions
  }
  const names = Buffer.from(files.map(({ name, draft }) => `${name}\0${draft}\0`).join(''))
  const contents = Buffer.concat(files.map(({ content }) => content))
  const result = await new Promise<number>((resolve) => {
    const started = addon.replaceFiles(directory, table, names, contents, needsFullSync ? 1 : 0, resolve)
    if (started < 0) resolve(started)
  })
  if (result < 0) throw nativeError(result, 'uv_queue_work')
  return files.map((_, index) => outcomeOf(table.subarray(index * FIELDS, (index + 1) * FIELDS)))
}

/** Of a file in the table: how many bytes, which permissions, and what came of it. */
const FIELDS = 4

/** In the order of `enum replace_step` in native/replace.h. */
const SYSCALLS = ['', 'fstatat', 'openat', 'fchmod', 'write', 'fdatasync', 'close', 'renameat']

const NOT_PLAIN = 1

function outcomeOf([, , result = 0, step = 0]: Int32Array): ReplaceOutcome {
  if (result === 0) return 'replaced'
  return result === NOT_PLAIN ? 'not-plain' : nativeError(result, SYSCALLS[step] ?? 'write')
}
