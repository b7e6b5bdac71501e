import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { join } from 'node:path'

import { errnoOf } from '../errors.js'

/**
 * Opens a new file in a directory, for reading and writing, to try something on. It has no name (O_TMPFILE), so that nothing
 * of it is seen or left, however the process ends. Where a file needs a name, it has one, `.fsys-probe-<uuid>`, until it
 * has been opened.
 */
export async function openScratchFile(directory: string): Promise<fs.FileHandle> {
  if (process.platform === 'linux') {
    try {
      return await fs.open(directory, O_RDWR | O_TMPFILE, 0o600)
    } catch (error) {
      // What kernels and file systems say that do not know it.
      if (!['EISDIR', 'EOPNOTSUPP', 'ENOTSUP', 'EINVAL', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error
    }
  }
  const path = join(directory, `.fsys-probe-${randomUUID()}`)
  const file = await fs.open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
  try {
    await fs.unlink(path)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

const { O_RDWR, O_CREAT, O_EXCL, O_DIRECTORY } = fs.constants

/** Linux's flag for a file without a name, which Node does not have; it is the same on all processors that Node runs on. */
const O_TMPFILE = 0o20_000_000 | O_DIRECTORY
