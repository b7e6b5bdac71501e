/** An area's addresses are kept as i32; this leaves room for the rest of a kernel's memory. */
const AREA_BYTES_MAX = 2 ** 30
/** As many frames as an area of the largest size can hold, and a few more. */
const OFFSET_COUNT_MAX = 2 ** 27

/** Throws a RangeError if a kernel of such a size cannot be. */
export function checkSize(areaBytes: number, offsetCount: number): void {
  if (!Number.isInteger(areaBytes) || areaBytes < 1 || areaBytes > AREA_BYTES_MAX) {
    throw new RangeError(`a kernel's area has 1 to ${AREA_BYTES_MAX} bytes, not ${areaBytes}`)
  }
  if (!Number.isInteger(offsetCount) || offsetCount < 1 || offsetCount > OFFSET_COUNT_MAX) {
    throw new RangeError(`a kernel has room for 1 to ${OFFSET_COUNT_MAX} frames, not ${offsetCount}`)
  }
}

/** Throws a RangeError unless `start` to `end` is a range of an area of so many bytes. */
export function checkRange(start: number, end: number, areaBytes: number): void {
  const isRange = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= areaBytes
  if (!isRange) throw new RangeError(`${start} to ${end} is not a range of an area of ${areaBytes} bytes`)
}

/** The failure of a `seal` that met something else than whole frames. */
export function notWhole(start: number, end: number, stoppedAt: number): Error {
  return new Error(`cannot seal ${start} to ${end}: there is no whole frame at ${stoppedAt}`)
}
