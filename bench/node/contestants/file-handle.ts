import { open } from 'node:fs/promises'

import type { Contestant } from '../contestant.js'

/** A FileHandle, each record appended and then synced by `datasync`, as the manual shows it. */
export const contestant: Contestant = {
  async open(path) {
    const file = await open(path, 'a')
    return {
      async commit(record) {
        await file.appendFile(record)
        await file.datasync()
      },
      async appendAll(record, count) {
        for (let index = 0; index < count; index++) await file.appendFile(record)
      },
      sync: () => file.datasync(),
      close: () => file.close(),
    }
  },
}
