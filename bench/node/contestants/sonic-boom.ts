import { promisify } from 'node:util'

import type { Contestant } from '../contestant.js'
import { loadPeer } from '../peer.js'

interface SonicBoom {
  write(data: Buffer): boolean
  flush(callback: (error?: Error) => void): void
  end(): void
  on(event: string, listener: (...values: unknown[]) => void): void
  once(event: string, listener: (...values: unknown[]) => void): void
}

/** sonic-boom as loggers use it, with `flush` called for durability: it writes what is collected, then calls fsync. */
export const contestant: Contestant = {
  async open(path) {
    const { SonicBoom: Boom } = loadPeer<{ SonicBoom: new (options: object) => SonicBoom }>('sonic-boom')
    const boom = new Boom({ dest: path, sync: false, contentMode: 'buffer', minLength: 2 ** 16, maxWrite: 2 ** 20 })
    await new Promise((resolve) => {
      boom.on('ready', resolve)
    })
    // One flush under way, the next collecting: side by side, each flush would call fsync.
    const flush = promisify(boom.flush.bind(boom))
    let next: Promise<void> | undefined
    let under: Promise<unknown> = Promise.resolve()
    async function flushTogether(): Promise<void> {
      await under
      await new Promise((goOn) => {
        process.nextTick(goOn)
      })
      next = undefined
      under = flush()
      await under
    }
    return {
      commit(record) {
        boom.write(record)
        next ??= flushTogether()
        return next
      },
      async appendAll(record, count) {
        for (let done = 0; done < count; done += 1000) {
          let hasRoom = true
          for (let index = done; index < Math.min(count, done + 1000); index++) hasRoom = boom.write(record)
          if (!hasRoom) await new Promise((resolve) => boom.once('drain', resolve))
        }
      },
      sync: () => flush(),
      async close() {
        const closed = new Promise((resolve) => {
          boom.on('close', resolve)
        })
        boom.end()
        await closed
      },
    }
  },
}
