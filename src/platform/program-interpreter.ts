import { closeSync, openSync, readSync } from 'node:fs'

const BITS_64 = 2 // ELFCLASS64
const LITTLE_ENDIAN = 1 // ELFDATA2LSB
const PROGRAM_HEADER_OFFSET = 32
const PROGRAM_HEADER_BYTES = 54
const PROGRAM_HEADER_COUNT = 56
const TYPE_INTERPRETER = 3 // PT_INTERP
const FILE_OFFSET = 8
const FILE_BYTES = 32
const PATH_BYTES_MAX = 4096 // PATH_MAX of Linux

/**
 * The path of the loader that an executable file of 64 bits asks for, as elf(5) lays it out: it tells which C library the
 * program runs on. Undefined where the file asks for none, is none, or cannot be read. Tools that change an executable may
 * have put the path anywhere in it.
 */
export function programInterpreter(path: string): string | undefined {
  try {
    const fd = openSync(path, 'r')
    try {
      return find((position, length) => readAt(fd, position, length))
    } finally {
      closeSync(fd)
    }
  } catch {
    return undefined
  }
}

function find(read: (position: number, length: number) => Buffer): string | undefined {
  const header = read(0, 64)
  const isKnown = header.toString('latin1', 0, 4) === '\x7FELF' && header[4] === BITS_64 && header[5] === LITTLE_ENDIAN
  if (!isKnown) return undefined
  const entryBytes = header.readUInt16LE(PROGRAM_HEADER_BYTES)
  const entries = header.readUInt16LE(PROGRAM_HEADER_COUNT)
  const table = read(Number(header.readBigUInt64LE(PROGRAM_HEADER_OFFSET)), entryBytes * entries)
  for (let entry = 0; entry < table.length; entry += entryBytes) {
    if (table.readUInt32LE(entry) !== TYPE_INTERPRETER) continue
    const length = Number(table.readBigUInt64LE(entry + FILE_BYTES))
    const text = read(Number(table.readBigUInt64LE(entry + FILE_OFFSET)), Math.min(length, PATH_BYTES_MAX))
    return text.toString().replace(/\0.*$/su, '')
  }
  return undefined
}

/** Bytes that are not there are zeros. */
function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  readSync(fd, bytes, 0, length, position)
  return bytes
}
