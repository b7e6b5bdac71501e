/**
 * CRC-32C in bulk, in AssemblyScript: frames are sealed, checked and walked many at a time. It is compiled twice, with
 * and without SIMD; `src/checksum/wasm-kernel.ts` is what calls it.
 *
 * The memory is imported. It begins with what this file keeps for itself, the rest is the caller's:
 *
 * ```
 *      0  sixteen tables of 256 u32
 *  16384  what is left of a folded message: 64 bytes, and 128 on the way there
 *  16512  four bytes that are written and never read
 *  16516  the caller's
 * ```
 *
 * A checksum in the making, `state`, is the bare remainder: it begins as 0xffffffff and is inverted at the end.
 */

const POLYNOMIAL: u32 = 0x82f6_3b78 // reflected
const TABLES: u32 = 16

const RESIDUE: usize = 16384
const SINK: usize = 16512

const MAGIC: u32 = 0x0159_5346 // the bytes 46 53 59 01
const STATE_BEHIND_MAGIC: u32 = 0x399d_2bc4 // so the four bytes that begin every frame cost nothing
const HEADER_BYTES: u32 = 8
const FRAME_BYTES_MIN: u32 = 12
const PAYLOAD_BYTES_MAX: u32 = (1 << 28) - 1

/** The least that can be folded, and worth folding: 41 ns against 44. */
const FOLD_BYTES_MIN: u32 = 160

/** Fills the tables. Called once, before anything else. */
export function initialize(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let state = byte
    for (let bit = 0; bit < 8; bit++) state = (state >>> 1) ^ (state & 1 ? POLYNOMIAL : 0)
    store<u32>(byte << 2, state)
  }
  // Table t holds what table 0 does, t zero bytes later.
  for (let entry: u32 = 256; entry < TABLES * 256; entry++) {
    const state = load<u32>((entry - 256) << 2)
    store<u32>(entry << 2, (state >>> 8) ^ load<u32>((state & 0xff) << 2))
  }
}

/** Writes the checksum of each frame from `start` on. Returns where the first stands that is not whole before `end`. */
export function seal(start: usize, end: usize): usize {
  let frame = start
  let lengthBefore: u32 = 0
  let stateBehindHeader = word0(STATE_BEHIND_MAGIC)
  while (end - frame >= FRAME_BYTES_MIN) {
    const length = load<u32>(frame, 4)
    if (length > min<u32>(<u32>(end - frame) - FRAME_BYTES_MIN, PAYLOAD_BYTES_MAX)) break
    if (length != lengthBefore) {
      lengthBefore = length
      stateBehindHeader = word0(STATE_BEHIND_MAGIC ^ length)
    }
    const checksum = frame + HEADER_BYTES + length
    store<u32>(checksum, ~update(stateBehindHeader, frame + HEADER_BYTES, checksum))
    frame = checksum + 4
  }
  return frame
}

/**
 * Walks valid frames from `start` on, at most `room`, and returns their number n. `offsets` receives n + 1 addresses,
 * counted from `base`: where each frame begins, and where the walk ended. Nothing at or past `end` is looked at.
 */
export function scan(start: usize, end: usize, base: usize, offsets: usize, room: u32): u32 {
  let frame = start
  let lengthBefore: u32 = 0
  let stateBehindHeader = word0(STATE_BEHIND_MAGIC)
  let count: u32 = 0
  while (count < room && end - frame >= FRAME_BYTES_MIN) {
    const length = load<u32>(frame, 4)
    if (load<u32>(frame) != MAGIC) break
    if (length > min<u32>(<u32>(end - frame) - FRAME_BYTES_MIN, PAYLOAD_BYTES_MAX)) break
    if (length != lengthBefore) {
      lengthBefore = length
      stateBehindHeader = word0(STATE_BEHIND_MAGIC ^ length)
    }
    const checksum = frame + HEADER_BYTES + length
    if (load<u32>(checksum) != ~update(stateBehindHeader, frame + HEADER_BYTES, checksum)) break
    store<u32>(offsets + (count << 2), <u32>(frame - base))
    count++
    frame = checksum + 4
  }
  store<u32>(offsets + (count << 2), <u32>(frame - base))
  return count
}

/** Continues a finished checksum, 0 to begin with, over the bytes from `start` to `end`. */
export function checksum(crc: u32, start: usize, end: usize): u32 {
  return ~update(~crc, start, end)
}

/** Moves a state over the bytes from `at` to `end`. */
// @ts-ignore: decorator
@inline
function update(state: u32, at: usize, end: usize): u32 {
  if (ASC_FEATURE_SIMD) {
    if (end - at >= FOLD_BYTES_MIN) return updateLong(state, at, end)
  }
  return slice(state, at, end)
}

function updateLong(state: u32, at: usize, end: usize): u32 {
  const rest = fold(state, at, end)
  let sum = slice16(0, RESIDUE)
  sum = slice16(sum, RESIDUE + 16)
  sum = slice16(sum, RESIDUE + 32)
  sum = slice16(sum, RESIDUE + 48)
  return slice(sum, rest, end)
}

// Inlined, because the call is 6 % of a frame of 64 bytes.
// @ts-ignore: decorator
@inline
function slice(state: u32, at: usize, end: usize): u32 {
  while (at + 16 <= end) {
    state = slice16(state, at)
    at += 16
  }
  if (at + 8 <= end) {
    state = bytes0(at + 4) ^ word1(load<u32>(at) ^ state)
    at += 8
  }
  if (at + 4 <= end) {
    state = word0(load<u32>(at) ^ state)
    at += 4
  }
  while (at < end) {
    state = (state >>> 8) ^ load<u32>(((state ^ load<u8>(at)) & 0xff) << 2)
    at++
  }
  return state
}

/**
 * Slicing by 16: sixteen look-ups, independent of each other, for sixteen bytes.
 *
 * The stores keep V8 from doing all the look-ups first and the additions last, for which it would spill registers (a
 * frame of 64 bytes takes 21 ns instead of 24). A byte that the state is not part of is loaded by itself: that is four
 * instructions, cut out of a word it is five.
 */
// @ts-ignore: decorator
@inline
function slice16(state: u32, at: usize): u32 {
  let sum = bytes0(at + 12)
  store<u32>(SINK, sum)
  sum ^= bytes1(at + 8)
  store<u32>(SINK, sum)
  sum ^= bytes2(at + 4)
  store<u32>(SINK, sum)
  return sum ^ word3(load<u32>(at) ^ state)
}

// What four bytes come to that have 0, 4, 8 or 12 bytes behind them: as a word that is at hand, or from memory.

// @ts-ignore: decorator
@inline
function word0(word: u32): u32 {
  return (
    load<u32>((word << 2) & 0x3fc, 3 << 10) ^
    load<u32>((word >>> 6) & 0x3fc, 2 << 10) ^
    (load<u32>((word >>> 14) & 0x3fc, 1 << 10) ^ load<u32>((word >>> 22) & 0x3fc))
  )
}

// @ts-ignore: decorator
@inline
function word1(word: u32): u32 {
  return (
    load<u32>((word << 2) & 0x3fc, 7 << 10) ^
    load<u32>((word >>> 6) & 0x3fc, 6 << 10) ^
    (load<u32>((word >>> 14) & 0x3fc, 5 << 10) ^ load<u32>((word >>> 22) & 0x3fc, 4 << 10))
  )
}

// @ts-ignore: decorator
@inline
function word3(word: u32): u32 {
  return (
    load<u32>((word << 2) & 0x3fc, 15 << 10) ^
    load<u32>((word >>> 6) & 0x3fc, 14 << 10) ^
    (load<u32>((word >>> 14) & 0x3fc, 13 << 10) ^ load<u32>((word >>> 22) & 0x3fc, 12 << 10))
  )
}

// @ts-ignore: decorator
@inline
function bytes0(at: usize): u32 {
  return (
    load<u32>((<usize>load<u8>(at)) << 2, 3 << 10) ^
    load<u32>((<usize>load<u8>(at, 1)) << 2, 2 << 10) ^
    (load<u32>((<usize>load<u8>(at, 2)) << 2, 1 << 10) ^ load<u32>((<usize>load<u8>(at, 3)) << 2))
  )
}

// @ts-ignore: decorator
@inline
function bytes1(at: usize): u32 {
  return (
    load<u32>((<usize>load<u8>(at)) << 2, 7 << 10) ^
    load<u32>((<usize>load<u8>(at, 1)) << 2, 6 << 10) ^
    (load<u32>((<usize>load<u8>(at, 2)) << 2, 5 << 10) ^ load<u32>((<usize>load<u8>(at, 3)) << 2, 4 << 10))
  )
}

// @ts-ignore: decorator
@inline
function bytes2(at: usize): u32 {
  return (
    load<u32>((<usize>load<u8>(at)) << 2, 11 << 10) ^
    load<u32>((<usize>load<u8>(at, 1)) << 2, 10 << 10) ^
    (load<u32>((<usize>load<u8>(at, 2)) << 2, 9 << 10) ^ load<u32>((<usize>load<u8>(at, 3)) << 2, 8 << 10))
  )
}

/**
 * Folding: makes a long message short without looking anything up. With y for eight zero bits (x^8), these are multiples
 * of Castagnoli's polynomial:
 *
 *     y^122 + y^104 + y^88 + y^72 + y^69 + y^21 + y^17 + 1
 *     y^64 + y^48 + y^47 + y^42 + y^40 + y^39 + y^27 + y^24 + y^18 + y^16 + y^13 + 1
 *
 * By the first, a byte may be taken out of the message if it is added to those that stand 18, 34, 50, 53, 101, 105 and
 * 122 bytes behind it. As the nearest of them is 18 away, sixteen bytes go in one step, with the last eight vectors at
 * hand: 14.5 GB/s, where slicing makes 4. That goes down to 128 bytes. The second (16, 17, 22, 24, 25, 37, 40, 46, 48,
 * 51 and 64) then needs four vectors only, and makes 64 of them.
 *
 * Leaves these 64 bytes in RESIDUE and returns where the bytes begin that it did not touch, fewer than 32.
 */
function fold(state: u32, at: usize, end: usize): usize {
  const zero = i8x16.splat(0)
  let a = zero
  let b = zero
  let c = zero
  let d = zero
  let e = zero
  let f = zero
  let g = v128.xor(v128.load(at), i32x4.replace_lane(zero, 0, state))
  let h = near(v128.load(at, 16), zero, zero, zero, g)
  at += 32
  while (at + 160 <= end) {
    const i = near(far(v128.load(at), a, b, c), e, f, g, h)
    const j = near(far(v128.load(at, 16), b, c, d), f, g, h, i)
    a = c
    b = d
    c = e
    d = f
    e = g
    f = h
    g = i
    h = j
    at += 32
  }
  // Through memory, so that V8 does not share work between the loop and what follows: it would do that in the loop, and
  // spill (11 GB/s).
  v128.store(RESIDUE, a)
  v128.store(RESIDUE, b, 16)
  v128.store(RESIDUE, c, 32)
  v128.store(RESIDUE, d, 48)
  v128.store(RESIDUE, e, 64)
  v128.store(RESIDUE, f, 80)
  v128.store(RESIDUE, g, 96)
  v128.store(RESIDUE, h, 112)
  a = v128.load(RESIDUE)
  b = v128.load(RESIDUE, 16)
  c = v128.load(RESIDUE, 32)
  d = v128.load(RESIDUE, 48)
  e = v128.load(RESIDUE, 64)
  f = v128.load(RESIDUE, 80)
  g = v128.load(RESIDUE, 96)
  h = v128.load(RESIDUE, 112)

  // 128 bytes from which nothing was taken out yet,
  const i = near(far(v128.load(at), a, b, c), e, f, g, h)
  let j = near(far(v128.load(at, 16), b, c, d), f, g, h, zero)
  let k = near(far(v128.load(at, 32), c, d, e), g, h, zero, zero)
  let l = near(far(v128.load(at, 48), d, e, f), h, zero, zero, zero)
  const m = far(v128.load(at, 64), e, f, g)
  const n = far(v128.load(at, 80), f, g, h)
  const o = far(v128.load(at, 96), g, h, zero)
  const p = far(v128.load(at, 112), h, zero, zero)

  // and the 64 that remain of them.
  j = nearer(j, zero, i)
  k = nearer(farther(k, zero, zero, i), i, j)
  l = nearer(farther(l, zero, i, j), j, k)
  v128.store(RESIDUE, nearer(farther(m, i, j, k), k, l))
  v128.store(RESIDUE, nearer(farther(n, j, k, l), l, zero), 16)
  v128.store(RESIDUE, farther(o, k, l, zero), 32)
  v128.store(RESIDUE, farther(p, l, zero, zero), 48)
  return at + 128
}

/** Adds to sixteen bytes those that stand 122, 105 and 101 before them; `a` begins 128 before them, `b` 112 ... */
// @ts-ignore: decorator
@inline
function far(x: v128, a: v128, b: v128, c: v128): v128 {
  x = v128.xor(x, from6(a, b)) // 122
  x = v128.xor(x, from7(b, c)) // 105
  return v128.xor(x, from11(b, c)) // 101
}

/** The same for 53, 50, 34 and 18; `e` begins 64 before them. */
// @ts-ignore: decorator
@inline
function near(x: v128, e: v128, f: v128, g: v128, h: v128): v128 {
  x = v128.xor(x, from11(e, f)) // 53
  x = v128.xor(x, from14(e, f)) // 50
  x = v128.xor(x, from14(f, g)) // 34
  return v128.xor(x, from14(g, h)) // 18
}

/** The second polynomial, first half; `a` begins 64 before them. */
// @ts-ignore: decorator
@inline
function farther(x: v128, a: v128, b: v128, c: v128): v128 {
  x = v128.xor(x, a) // 64
  x = v128.xor(x, from13(a, b)) // 51
  x = v128.xor(x, b) // 48
  x = v128.xor(x, from2(b, c)) // 46
  x = v128.xor(x, from8(b, c)) // 40
  return v128.xor(x, from11(b, c)) // 37
}

/** Its second half; `c` begins 32 before them. */
// @ts-ignore: decorator
@inline
function nearer(x: v128, c: v128, d: v128): v128 {
  x = v128.xor(x, from7(c, d)) // 25
  x = v128.xor(x, from8(c, d)) // 24
  x = v128.xor(x, from10(c, d)) // 22
  x = v128.xor(x, from15(c, d)) // 17
  return v128.xor(x, d) // 16
}

// The sixteen bytes that begin so many bytes into x, which y follows.

// @ts-ignore: decorator
@inline
function from2(x: v128, y: v128): v128 {
  return i8x16.shuffle(x, y, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)
}

// @ts-ignore: decorator
@inline
function from6(x: v128, y: v128): v128 {
  return i8x16.shuffle(x, y, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21)
}

// @ts-ignore: decorator
@inline
function from7(x: v128, y: v128): v128 {
  return i8x16.shuffle(x, y, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22)
}

// @ts-ignore: decorator
@inline
function from8(x: v128, y: v128): v128 {
  return i8x16.shuffle(x, y, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23)
}

// @ts-ignore: decorator
@inline
function from10(x: v128, y: v128): v128 {
  return i8x16.shuffle(x, y, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25)
}

// @ts-ignore: decorator
@inline
function from11(x: v128, y: v128): v128 {
  return i8x16.shuffle(x, y, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26)
}

// @ts-ignore: decorator
@inline
function from13(x: v128, y: v128): v128 {
  return i8x16.shuffle(x, y, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28)
}

// @ts-ignore: decorator
@inline
function from14(x: v128, y: v128): v128 {
  return i8x16.shuffle(x, y, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29)
}

// @ts-ignore: decorator
@inline
function from15(x: v128, y: v128): v128 {
  return i8x16.shuffle(x, y, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30)
}
