import { closeSync, openSync, readFileSync, readdirSync, writeSync } from 'node:fs'
import { extname, join } from 'node:path'

/** Enough to be killed in again and again, and done in well under a minute. */
const TEXT_BYTES_MAX = 128 * 2 ** 20

/** What people write, and what tools write for people to read. */
const EXTENSIONS: ReadonlySet<string> = new Set(
  '.c .cjs .css .cts .h .html .js .json .jsx .less .map .md .mjs .mts .rs .scss .ts .tsx .txt .wat .yaml .yml'.split(
    ' ',
  ),
)

/** In the checkout, these are not sources. */
const MADE: ReadonlySet<string> = new Set(['build', 'coverage', 'dist', 'node_modules', 'target'])

/**
 * Joins the text files of a checkout and of its installed packages into one, those of the checkout first, always in the
 * same order. Returns how many they were.
 */
export function joinSources(checkout: string, targetPath: string): number {
  const target = openSync(targetPath, 'wx')
  let files = 0
  let bytesLeft = TEXT_BYTES_MAX
  try {
    for (const path of [...listText(checkout, MADE), ...listText(join(checkout, 'node_modules'), new Set())]) {
      const text = readFileSync(path)
      if (text.length === 0 || text.length > bytesLeft || text.includes(0)) continue
      writeWhole(target, text)
      if (text.at(-1) !== NEWLINE[0]) writeWhole(target, NEWLINE)
      bytesLeft -= text.length
      files++
    }
  } finally {
    closeSync(target)
  }
  return files
}

const NEWLINE = Buffer.from('\n')

/** The files below a directory that should be text. Hidden ones and links are left out. */
function listText(directory: string, without: ReadonlySet<string>): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.') && !without.has(name))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) return listText(path, without)
      return entry.isFile() && EXTENSIONS.has(extname(entry.name)) ? [path] : []
    })
}

/** Adds a file to itself until it has been written `times` over. */
export function repeatFile(sourcePath: string, targetPath: string, times: number): void {
  const target = openSync(targetPath, 'wx')
  try {
    const text = readFileSync(sourcePath)
    for (let count = 0; count < times; count++) {
      writeWhole(target, text)
      if (text.at(-1) !== NEWLINE[0]) writeWhole(target, NEWLINE)
    }
  } finally {
    closeSync(target)
  }
}

function writeWhole(fd: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written)
}
