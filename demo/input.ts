import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { formatCount, plural } from './format.js'
import { FRAME_OVERHEAD_BYTES } from './frames.js'
import { LineReader } from './lines.js'
import { UsageError } from './options.js'
import { joinSources, repeatFile } from './sources.js'

/** What is journaled: the lines of one file. */
export interface Input {
  readonly path: string
  readonly lines: number
  /** All lines together, without their newlines. */
  readonly textBytes: number
  readonly longestBytes: number
  /** Some of those whose write takes a while. */
  readonly longLines: readonly LongLine[]
  /** Where the lines come from. */
  readonly description: string
}

export interface LongLine {
  /** Its number, counted from 0. */
  readonly line: number
  readonly bytes: number
  /** Where in the journal its record begins. */
  readonly lsn: number
}

const LONG_LINE_BYTES_MIN = 256 * 1024
const LONG_LINES_MAX = 1000

/** A small input is read again and again until there is enough of it to be killed in. */
const LINES_MIN = 20_000
const SOURCE_LINES_MIN = 100_000
const TEXT_BYTES_MIN = 64 * 2 ** 20

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url))

/** Makes the input ready: the given file, or the sources of this checkout, copied into a directory where that is needed. */
export function prepareInput(inputPath: string | undefined, directory: string): Input {
  if (inputPath !== undefined) {
    requireFile(inputPath)
    return enough(inputPath, directory, LINES_MIN, inputPath)
  }
  const path = join(directory, 'sources')
  const files = joinSources(CHECKOUT, path)
  return enough(path, directory, SOURCE_LINES_MIN, `${plural(files, 'text file')} of this checkout and of its packages`)
}

function requireFile(path: string): void {
  const facts = statSync(path, { throwIfNoEntry: false })
  if (facts === undefined) throw new UsageError(`there is no file ${JSON.stringify(path)}`)
  if (!facts.isFile()) throw new UsageError(`${JSON.stringify(path)} is not a regular file`)
}

function enough(path: string, directory: string, linesMin: number, description: string): Input {
  const once = measure(path)
  if (once.lines === 0) throw new UsageError(`there are no lines in ${description}`)
  const times = Math.ceil(Math.min(linesMin / once.lines, TEXT_BYTES_MIN / Math.max(once.textBytes, 1)))
  if (times <= 1) return { path, ...once, description }
  const repeatedPath = join(directory, 'repeated')
  repeatFile(path, repeatedPath, times)
  return {
    path: repeatedPath,
    ...measure(repeatedPath),
    description: `${description}, ${formatCount(times)} times over, to be long enough`,
  }
}

/** Counts the lines of a file. */
function measure(path: string): Omit<Input, 'path' | 'description'> {
  using reader = new LineReader(path)
  let textBytes = 0
  let longestBytes = 0
  const longLines: LongLine[] = []
  for (let line = 0, text = reader.next(); text !== undefined; line++, text = reader.next()) {
    const bytes = text.length
    if (bytes > longestBytes) longestBytes = bytes
    if (bytes >= LONG_LINE_BYTES_MIN && longLines.length < LONG_LINES_MAX) {
      longLines.push({ line, bytes, lsn: textBytes + line * FRAME_OVERHEAD_BYTES })
    }
    textBytes += bytes
  }
  const lines = reader.nextLine
  const newlines = statSync(path).size - textBytes
  if (newlines !== lines && newlines !== lines - 1) throw new Error(`${path} is not the sum of its lines`)
  return { lines, textBytes, longestBytes, longLines }
}
