import { join } from 'node:path'

import type { Contestant } from '../contestant.js'
import { loadPeer } from '../peer.js'

type WriteFileAtomic = (path: string, content: Buffer) => Promise<void>

/**
 * write-file-atomic as it comes: it syncs each file, and no directory, so that a power cut may bring the old one back.
 *
 * Variants: `together` for all files at once; otherwise one after the other.
 */
export const contestant: Contestant = {
  async replace(directory, names, content, variant) {
    const writeFileAtomic = loadPeer<WriteFileAtomic>('write-file-atomic')
    if (variant.includes('together')) {
      await Promise.all(names.map((name) => writeFileAtomic(join(directory, name), content)))
      return
    }
    for (const name of names) await writeFileAtomic(join(directory, name), content)
  },
}
