// What `fsys append --help` says about its input, over bytes that are all in memory.

export interface Split {
  readonly records: readonly Buffer[]
  /** False: what stands behind the records is refused. */
  readonly isWhole: boolean
}

/** Records are lines; what stands behind the last newline is one too. */
export function linesOf(input: Buffer, bytesMax: number): Split {
  const text = input.toString('latin1')
  const lines = (text.endsWith('\n') || text === '' ? text.slice(0, -1) : text).split('\n')
  const records = (text === '' ? [] : lines).map((line) => Buffer.from(line, 'latin1'))
  const tooLong = records.findIndex((record) => record.length > bytesMax)
  return { records: tooLong === -1 ? records : records.slice(0, tooLong), isWhole: tooLong === -1 }
}

/** Records are a u32 in little-endian order, and so many bytes. */
export function framesOf(input: Buffer, bytesMax: number): Split {
  const records: Buffer[] = []
  let at = 0
  while (at + 4 <= input.length) {
    const end = at + 4 + input.readUInt32LE(at)
    if (end - at - 4 > bytesMax || end > input.length) return { records, isWhole: false }
    records.push(input.subarray(at + 4, end))
    at = end
  }
  return { records, isWhole: at === input.length }
}
