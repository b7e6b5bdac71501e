import { normalize } from 'node:path'

import { splitPath } from './scope.js'
import type { Data, StreamedData } from './source.js'

/** One operation of a batch. Paths are settled. */
export type BatchOperation =
  | { readonly kind: 'write'; readonly path: string; readonly data: Data | StreamedData; readonly mode: number }
  | { readonly kind: 'delete'; readonly path: string }
  | { readonly kind: 'rename' | 'copy'; readonly path: string; readonly to: string }

/** What is done while the same directories are open. Each wave is over before the next one begins. */
export interface Stretch {
  readonly waves: readonly (readonly number[])[]
}

/** `as-given` is for those that are done one by one. */
export type BatchOrder = 'as-given' | 'by-directory'

/**
 * In what order the operations of a batch are done, by their indexes: those on one path one after the other, as they were
 * given, and of all others those in one directory together, so that it is opened and synced once. The directories that are
 * open at the same time are bounded: when there are more, a stretch ends, and another one begins.
 */
export function planBatch(
  operations: readonly BatchOperation[],
  order: BatchOrder,
  directoriesMax: number = DIRECTORIES_MAX,
): Stretch[] {
  const stretches: Stretch[] = []
  let [waves, open]: [number[][], Set<string>] = [[], new Set()]
  const end = (): void => {
    if (waves.length > 0) stretches.push({ waves })
    ;[waves, open] = [[], new Set()]
  }
  const all =
    order === 'as-given' ? [[...operations.keys()]] : wavesOf(operations).map((wave) => byDirectory(operations, wave))
  for (const wave of all) {
    let part: number[] = []
    for (const index of wave) {
      const directories = directoriesOf(operations[index] as BatchOperation)
      const more = directories.filter((directory) => !open.has(directory)).length
      if (open.size + more > directoriesMax) {
        if (part.length > 0) waves.push(part)
        part = []
        end()
      }
      for (const directory of directories) open.add(directory)
      part.push(index)
    }
    if (part.length > 0) waves.push(part)
  }
  end()
  return stretches
}

/** The directories in which an operation changes names. */
export function directoriesOf(operation: BatchOperation): readonly string[] {
  const { parent } = splitPath(operation.path)
  if (operation.kind === 'write' || operation.kind === 'delete') return [parent]
  const { parent: other } = splitPath(operation.to)
  return operation.kind === 'copy' || other === parent ? [other] : [parent, other]
}

/** Each operation comes one wave after the last one before it that has a path in common with it. */
function wavesOf(operations: readonly BatchOperation[]): number[][] {
  const waves: number[][] = []
  const latest = new Map<string, number>()
  for (const [index, operation] of operations.entries()) {
    const paths = 'to' in operation ? [operation.path, operation.to] : [operation.path]
    const keys = paths.map((path) => normalize(path))
    const wave = Math.max(...keys.map((key) => (latest.get(key) ?? -1) + 1))
    for (const key of keys) latest.set(key, wave)
    const others = (waves[wave] ??= [])
    others.push(index)
  }
  return waves
}

function byDirectory(operations: readonly BatchOperation[], wave: readonly number[]): number[] {
  const groups = new Map<string, number[]>()
  for (const index of wave) {
    const [directory = ''] = directoriesOf(operations[index] as BatchOperation)
    const group = groups.get(directory)
    if (group === undefined) groups.set(directory, [index])
    else group.push(index)
  }
  return [...groups.values()].flat()
}

/** A batch holds no more descriptors of directories than this, beside those of the files that are being written. */
const DIRECTORIES_MAX = 128
