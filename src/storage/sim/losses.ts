import type { Tree } from './tree.js'

/** What a power cut has taken, a line each, for people who read a trace. */
export function losses(before: Tree, after: Tree, sectorBytes: number): string[] {
  const old = new Set(before.files())
  const left = new Set(after.files())
  const lines: string[] = []
  for (const path of old) {
    if (!left.has(path)) lines.push(`  lost: the name ${path}`)
    else lines.push(...fileLosses(before, after, path, sectorBytes))
  }
  for (const path of left) if (!old.has(path)) lines.push(`  back again: the name ${path}`)
  return lines
}

function fileLosses(before: Tree, after: Tree, path: string, sectorBytes: number): string[] {
  const [file, survivor] = [before.fileAt(path), after.fileAt(path)]
  if (file.identity.inode !== survivor.identity.inode) return [`  back again: an older file at ${path}`]
  const lines: string[] = []
  if (file.size !== survivor.size) lines.push(`  lost: the size ${file.size} of ${path}, which has ${survivor.size}`)
  // Files with holes in them are larger than anybody wants to read.
  const end = Math.min(survivor.size, file.size, COMPARED_BYTES_MAX)
  const [bytes, left] = [new Uint8Array(sectorBytes), new Uint8Array(sectorBytes)]
  let start: number | undefined
  for (let at = 0; at <= end; at += sectorBytes) {
    bytes.fill(0)
    left.fill(0)
    const length = Math.max(0, Math.min(sectorBytes, end - at))
    file.read(bytes.subarray(0, length), at)
    survivor.read(left.subarray(0, length), at)
    const isLost = length > 0 && Buffer.compare(bytes, left) !== 0
    if (isLost) start ??= at
    if ((isLost && at + length < end) || start === undefined) continue
    lines.push(`  lost: bytes ${start} to ${isLost ? end - 1 : at - 1} of ${path}`)
    start = undefined
  }
  return lines
}

const COMPARED_BYTES_MAX = 2 ** 24
