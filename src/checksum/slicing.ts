/**
 * CRC-32C in plain TypeScript. A checksum in the making, the state, is the bare remainder: -1 (all ones) to begin with,
 * and inverted at the end.
 */
const POLYNOMIAL = 0x82f63b78 // Castagnoli's, reflected

// Table t holds what a byte comes to that has t bytes behind it. Each has a name of its own: one array of arrays would
// cost a check more a byte.
const T0: Int32Array = firstTable()
const T1: Int32Array = nextTable(T0)
const T2: Int32Array = nextTable(T1)
const T3: Int32Array = nextTable(T2)
const T4: Int32Array = nextTable(T3)
const T5: Int32Array = nextTable(T4)
const T6: Int32Array = nextTable(T5)
const T7: Int32Array = nextTable(T6)

/** Moves a state over the bytes from `start` to `end`, one at a time. */
export function updateBytes(before: number, bytes: Uint8Array, start: number, end: number): number {
  let state = before
  for (let at = start; at < end; at++) state = (state >>> 8) ^ T0[(state ^ bytes[at]!) & 0xff]!
  return state
}

/** The same by eight, for long messages. The view must not be on a resizable buffer: that is three times slower. */
export function updateView(before: number, view: DataView, start: number, end: number): number {
  let state = before
  let at = start
  for (const last = end - 8; at <= last; at += 8) {
    const high = view.getInt32(at + 4, true)
    const low = view.getInt32(at, true) ^ state
    // What waits for the state comes last: 1.9 GB/s, and 1.6 if it comes first.
    state =
      T3[high & 0xff]! ^
      T2[(high >>> 8) & 0xff]! ^
      T1[(high >>> 16) & 0xff]! ^
      T0[high >>> 24]! ^
      (T7[low & 0xff]! ^ T6[(low >>> 8) & 0xff]! ^ T5[(low >>> 16) & 0xff]! ^ T4[low >>> 24]!)
  }
  for (; at < end; at++) state = (state >>> 8) ^ T0[(state ^ view.getUint8(at)) & 0xff]!
  return state
}

function firstTable(): Int32Array {
  const table = new Int32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let state = byte
    for (let bit = 0; bit < 8; bit++) state = (state >>> 1) ^ (state & 1 ? POLYNOMIAL : 0)
    table[byte] = state
  }
  return table
}

function nextTable(table: Int32Array): Int32Array {
  return table.map((state) => (state >>> 8) ^ T0[state & 0xff]!)
}
