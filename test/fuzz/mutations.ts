import type { Random } from '#src/storage/sim/random.js'

import { MAGIC, SECTOR_BYTES, type Sketch } from './sketch.js'

type Mutation = (sketch: Sketch, random: Random, others: readonly Buffer[]) => void

/** Does one thing to a file that a crash, a bug or a person may do. */
export function mutate(sketch: Sketch, random: Random, others: readonly Buffer[]): void {
  const mutation = MUTATIONS[random.below(MUTATIONS.length)] as Mutation
  mutation(sketch, random, others)
}

const LENGTHS: readonly number[] = [0, 1, 2 ** 28 - 1, 2 ** 28, 2 ** 31, 2 ** 32 - 1, 2 ** 20 - 12, 2 ** 20]
const BYTES: readonly number[] = [0, 1, 0xff, 0x46, 0x53, 0x59, 0x0a]

const flipBit: Mutation = (sketch, random) => {
  const at = place(sketch, random)
  if (at < sketch.length) sketch.bytes[at] = (sketch.bytes[at] as number) ^ (1 << random.below(8))
}

const setByte: Mutation = (sketch, random) => {
  const at = place(sketch, random)
  if (at < sketch.length) sketch.bytes[at] = random.chance(0.5) ? random.bits() : (pick(random, BYTES) ?? 0)
}

const cutEnd: Mutation = (sketch, random) => {
  sketch.length = place(sketch, random)
}

const cutFewBytes: Mutation = (sketch, random) => {
  sketch.length = Math.max(sketch.length - 1 - random.below(12), 0)
}

const cutMiddle: Mutation = (sketch, random) => {
  const [start, end] = range(sketch, random)
  sketch.replace(start, end, EMPTY)
}

const repeat: Mutation = (sketch, random) => {
  const [start, end] = range(sketch, random)
  const copy = Buffer.from(sketch.bytes.subarray(start, end))
  const at = random.chance(0.5) ? end : place(sketch, random)
  sketch.replace(at, at, copy)
}

const insertNoise: Mutation = (sketch, random) => {
  const at = place(sketch, random)
  sketch.replace(at, at, noise(random, 1 + random.below(random.chance(0.9) ? 12 : 600)))
}

const appendNoise: Mutation = (sketch, random) => {
  sketch.putNoise(random, 1 + random.below(40))
}

const insertZeros: Mutation = (sketch, random) => {
  const at = place(sketch, random)
  sketch.replace(at, at, Buffer.alloc(1 + random.below(random.chance(0.9) ? 12 : 700)))
}

const zeroRange: Mutation = (sketch, random) => {
  const [start, end] = range(sketch, random)
  sketch.bytes.fill(0, start, end)
}

/** Sectors that never reached the disk. */
const zeroSectors: Mutation = (sketch, random) => zeroAligned(sketch, random, SECTOR_BYTES)

const zeroPages: Mutation = (sketch, random) => zeroAligned(sketch, random, 4096)

const padToSector: Mutation = (sketch, random) => {
  const multiple = random.chance(0.98) ? SECTOR_BYTES : 4096
  sketch.putZeros(multiple - (sketch.length % multiple))
}

const padSomewhat: Mutation = (sketch, random) => {
  sketch.putZeros(1 + random.below(random.chance(0.9) ? 20 : 800))
}

/** What an older direct-mode writer left: zeros up to a sector, and a frame of this file behind them. */
const insertGap: Mutation = (sketch, random) => {
  const at = frameStart(sketch, random)
  const zeros = SECTOR_BYTES - (at % SECTOR_BYTES) + SECTOR_BYTES * (random.chance(0.95) ? 0 : random.below(6))
  sketch.replace(at, at, Buffer.alloc(zeros))
}

const editLength: Mutation = (sketch, random) => {
  const start = frameStart(sketch, random)
  if (start + 8 > sketch.length) return
  const old = sketch.bytes.readUInt32LE(start + 4)
  const rest = sketch.length - start - 12
  const near = [old - 1, old + 1, rest, rest + 1, rest - 1, random.below(64), old ^ (1 << random.below(31))]
  const length = random.chance(0.5) ? pick(random, near) : pick(random, LENGTHS)
  sketch.bytes.writeUInt32LE((length ?? 0) >>> 0, start + 4)
  if (random.chance(0.5)) sketch.repairChecksum(start)
}

const editMagic: Mutation = (sketch, random) => {
  const at = frameStart(sketch, random) + random.below(4)
  if (at < sketch.length) sketch.bytes[at] = random.chance(0.5) ? random.below(4) : random.bits()
}

/** Of a header, the first bytes and then zeros: for eight bytes, up to a sector's end, or further. */
const tearHeader: Mutation = (sketch, random) => {
  const start = frameStart(sketch, random)
  const from = start + 1 + random.below(7)
  const toSector = SECTOR_BYTES - (from % SECTOR_BYTES)
  const count = random.chance(0.5) ? start + 8 - from : random.chance(0.7) ? toSector : random.below(40)
  sketch.bytes.fill(0, Math.min(from, sketch.length), Math.min(from + count, sketch.length))
}

const editChecksum: Mutation = (sketch, random) => {
  const start = frameStart(sketch, random)
  if (start + 8 > sketch.length) return
  const at = start + 8 + sketch.bytes.readUInt32LE(start + 4) + random.below(4)
  if (at < sketch.length) sketch.bytes[at] = (sketch.bytes[at] as number) ^ (1 << random.below(8))
}

/** So that what was done before is not seen by the checksum. */
const repairChecksum: Mutation = (sketch, random) => sketch.repairChecksum(frameStart(sketch, random))

const swapFrames: Mutation = (sketch, random) => {
  const starts = [...sketch.frameStarts(), sketch.length]
  if (starts.length < 3) return
  const index = random.below(starts.length - 2)
  const [first, second, end] = starts.slice(index, index + 3) as [number, number, number]
  const copies = [sketch.bytes.subarray(second, end), sketch.bytes.subarray(first, second)]
  sketch.replace(first, end, Buffer.concat(copies))
}

/** An earlier life of the file, or another journal, shows from some position on: at the same place in it, or not. */
const splice: Mutation = (sketch, random, others) => {
  const other = pick(random, others)
  if (other === undefined) return
  const at = random.chance(0.5) ? place(sketch, random) : frameStart(sketch, random)
  const from = random.chance(0.5) ? at : random.below(other.length)
  const end = random.chance(0.7) ? sketch.length : at
  sketch.replace(
    at,
    end,
    other.subarray(Math.min(from, other.length), from + random.below(random.chance(0.9) ? 400 : 3000)),
  )
}

/** A frame of this file, once more, over whatever stands there. */
const staleFrame: Mutation = (sketch, random) => {
  const start = frameStart(sketch, random)
  const copy = Buffer.from(sketch.bytes.subarray(start, start + 12 + random.below(200)))
  const at = place(sketch, random)
  sketch.replace(at, Math.min(at + copy.length, sketch.length), copy)
}

const putHeader: Mutation = (sketch, random) => {
  const header = Buffer.alloc(8)
  MAGIC.copy(header)
  header.writeUInt32LE(pick(random, LENGTHS) ?? 0, 4)
  const at = random.chance(0.5) ? sketch.length : place(sketch, random)
  sketch.replace(at, at, header.subarray(0, 1 + random.below(8)))
}

/** Many headers, each of a frame up to about the end: whoever looks for frames must not check all of them. */
const putHeaders: Mutation = (sketch, random) => {
  const headers = Buffer.alloc(8 * (2 + random.below(30)))
  for (let at = 0; at < headers.length; at += 8) {
    MAGIC.copy(headers, at)
    headers.writeUInt32LE(Math.max(headers.length - at - 12 - random.below(8), 0), at + 4)
  }
  const at = frameStart(sketch, random)
  sketch.replace(at, at, headers)
}

const EMPTY = Buffer.alloc(0)

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  setByte,
  cutEnd,
  cutFewBytes,
  cutMiddle,
  repeat,
  insertNoise,
  appendNoise,
  insertZeros,
  zeroRange,
  zeroSectors,
  zeroPages,
  padToSector,
  padSomewhat,
  insertGap,
  insertGap,
  editLength,
  editLength,
  editMagic,
  tearHeader,
  editChecksum,
  repairChecksum,
  swapFrames,
  splice,
  staleFrame,
  putHeader,
  putHeaders,
]

function zeroAligned(sketch: Sketch, random: Random, multiple: number): void {
  const start = random.below(Math.floor(sketch.length / multiple) + 1) * multiple
  const end = start + (1 + random.below(3)) * multiple
  sketch.bytes.fill(0, Math.min(start, sketch.length), Math.min(end, sketch.length))
}

/** Anywhere, the end included; often where something begins. */
function place(sketch: Sketch, random: Random): number {
  const kind = random.below(4)
  if (kind === 0) return Math.min(frameStart(sketch, random) + random.below(14), sketch.length)
  if (kind === 1) return random.below(Math.floor(sketch.length / SECTOR_BYTES) + 1) * SECTOR_BYTES
  return random.below(sketch.length + 1)
}

function range(sketch: Sketch, random: Random): [number, number] {
  const [a, b] = [place(sketch, random), place(sketch, random)]
  return [Math.min(a, b), Math.max(a, b)]
}

/** Where a frame seems to begin: the next one from anywhere. */
function frameStart(sketch: Sketch, random: Random): number {
  const bytes = sketch.bytes.subarray(0, sketch.length)
  const start = bytes.indexOf(MAGIC, random.below(sketch.length))
  return start === -1 ? Math.max(bytes.indexOf(MAGIC), 0) : start
}

function pick<Value>(random: Random, values: readonly Value[]): Value | undefined {
  return values[random.below(values.length)]
}

function noise(random: Random, count: number): Buffer {
  const bytes = Buffer.alloc(count)
  for (let at = 0; at < count; at++) bytes[at] = random.bits()
  return bytes
}
