import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const testFolder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'test')
const fixtures = join(testFolder, 'compat', 'fixtures')

/** Journals of this folder, the crate's, and the tails that FORMAT.md judges. */
const FOLDERS: readonly string[] = [
  join(testFolder, 'fuzz', 'corpus'),
  join(fixtures, 'tails'),
  join(fixtures, '0.9.0'),
  join(fixtures, '1.1.3'),
]
const BYTES_MAX = 20 * 1024
/** Larger ones are no good to begin with: each case would take long. */
const BASE_BYTES_MAX = 1500

export interface CorpusFile {
  readonly path: string
  readonly bytes: Buffer
  /** The mark beside it, if there is one. */
  readonly mark: Buffer | undefined
}

/** Always in the same order: seeds depend on it. */
export function readCorpus(): CorpusFile[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.wal'))
      .toSorted()
      .map((name) => {
        const path = join(folder, name)
        const mark = `${path}.mark`
        return { path, bytes: readFileSync(path), mark: existsSync(mark) ? readFileSync(mark) : undefined }
      }),
  ).filter(({ bytes }) => bytes.length <= BYTES_MAX)
}

/** Cases that once failed, minimised. */
export function caseFiles(): string[] {
  const folder = FOLDERS[0] as string
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return names.toSorted().map((name) => join(folder, name))
}

export function readBases(): Buffer[] {
  return readCorpus()
    .map(({ bytes }) => bytes)
    .filter((bytes) => bytes.length <= BASE_BYTES_MAX)
}
