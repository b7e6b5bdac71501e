import { encodeText } from '../checks.js'
import { REPLACED_AT_ONCE_MAX } from '../storage/storage.js'
import type { BatchOperation } from './batch-plan.js'
import { splitPath } from './scope.js'

/** Writes that may be done in one trip: of small files in one directory. Everything else is a chunk of its own. */
export function chunksOf(
  operations: readonly BatchOperation[],
  wave: readonly number[],
  filesMax: number,
): readonly (readonly number[])[] {
  const chunks: number[][] = []
  const open = new Map<string, { readonly chunk: number[]; bytes: number }>()
  for (const index of wave) {
    const operation = operations[index] as BatchOperation
    const bytes = smallBytes(operation)
    const { parent } = splitPath(operation.path)
    const known = bytes === undefined ? undefined : open.get(parent)
    const fits = known !== undefined && known.chunk.length < filesMax && known.bytes + (bytes ?? 0) <= CHUNK_BYTES_MAX
    if (fits) {
      known.chunk.push(index)
      known.bytes += bytes ?? 0
      continue
    }
    const chunk = [index]
    chunks.push(chunk)
    if (bytes !== undefined) open.set(parent, { chunk, bytes })
  }
  return chunks
}

/** How many files one trip has, if so many operations may be under way: all threads of the pool get something to do. */
export function filesAtOnce(concurrency: number): number {
  return Math.min(REPLACED_AT_ONCE_MAX, Math.max(1, Math.floor(concurrency / POOL_THREADS)))
}

/** What `smallBytes` has found small, as bytes. */
export function smallContent({ data }: BatchOperation & { readonly kind: 'write' }): Uint8Array {
  return typeof data === 'string' ? encodeText(data, 'what is written') : (data as Uint8Array)
}

/** How many bytes a small file will have; undefined for all else. */
function smallBytes(operation: BatchOperation): number | undefined {
  if (operation.kind !== 'write' || /[/\\]$/u.test(operation.path) || splitPath(operation.path).name === '.')
    return undefined
  const { data } = operation
  if (typeof data === 'string') {
    const bytes = data.length > SMALL_BYTES_MAX ? Infinity : Buffer.byteLength(data)
    return bytes <= SMALL_BYTES_MAX ? bytes : undefined
  }
  return data instanceof Uint8Array && data.length <= SMALL_BYTES_MAX ? data.length : undefined
}

/** Of larger ones, the bytes are what takes time. */
const SMALL_BYTES_MAX = 2 ** 16

/** What is copied for one trip. */
const CHUNK_BYTES_MAX = 2 ** 20

/** As libuv has them, unless UV_THREADPOOL_SIZE says otherwise. */
const POOL_THREADS = 4
