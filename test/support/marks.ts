import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { nodeStorage } from '#src/storage/node-storage.js'

/** Why a test that needs durable marks is skipped where temporary files are; false where it is not. */
export const noMarks: string | false =
  !hasBirthTimes() && 'the file system keeps no birth times, and so there are no marks'

function hasBirthTimes(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'fsys-probe-'))
  try {
    return nodeStorage.statSync(directory)?.birthTime !== 0n
  } finally {
    rmSync(directory, { recursive: true })
  }
}
