// Replaces files as fast as it can, until the power goes. Its plan is its one word, as JSON.
import { writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

import { createHandle, type Handle } from '#src/handle/handle.js'
import { defaultStorage } from '#src/storage/default-storage.js'
import type { Storage, StorageDirectory, StorageFile } from '#src/storage/storage.js'

import { seededRandom } from '../support/random.js'
import { contentOf, type CutFault, type CutMessage, type CutPlan } from './handle-cuts-messages.js'
import { MESSAGES_FD } from './power-cuts-messages.js'

const plan = JSON.parse(process.argv[2] ?? '') as CutPlan
const random = seededRandom(plan.seed)
let version = plan.version

async function replaceForever(handle: Handle, file: string): Promise<void> {
  for (;;) {
    const wanted = version++
    const content = contentOf(wanted)
    say({ asked: wanted, file })
    const kind = random()
    if (kind < 0.2) handle.writeSync(file, content)
    else if (kind < 0.4) await handle.write(file, [content.subarray(0, 5), content.subarray(5)])
    else if (kind < 0.5) await handle.writeCopy(file, content)
    else await handle.write(file, content)
    say({ done: wanted, file })
    // Time for the power to go in: the next sync would make up for what was left out.
    if (plan.fault !== undefined) await delay(5)
  }
}

/** Leaves a sync out, and says that it was made. */
function forgetful(storage: Storage, fault: CutFault): Storage {
  const forget = <Target extends StorageFile | StorageDirectory>(target: Target, names: readonly string[]): Target =>
    new Proxy(target, {
      get(real, name) {
        if (names.includes(String(name)))
          return String(name).endsWith('Sync') ? () => true : () => Promise.resolve(true)
        const value: unknown = Reflect.get(real, name, real)
        if (typeof value !== 'function') return value
        const method = value.bind(real) as (...words: readonly unknown[]) => unknown
        if (name === 'open') return async (...words: readonly unknown[]) => forgetfulFile(await method(...words))
        if (name === 'openSync') return (...words: readonly unknown[]) => forgetfulFile(method(...words))
        if (name === 'openBeneath' || name === 'openDirectory')
          return async (...words: readonly unknown[]) => forgetfulDirectory(await method(...words))
        if (name === 'openBeneathSync' || name === 'openDirectorySync')
          return (...words: readonly unknown[]) => forgetfulDirectory(method(...words))
        return method
      },
    })
  const forgetfulFile = (file: unknown): unknown =>
    fault === 'no-file-sync' ? forget(file as StorageFile, ['sync', 'syncSync', 'dataSync', 'dataSyncSync']) : file
  const forgetfulDirectory = (directory: unknown): unknown =>
    directory && forget(directory as StorageDirectory, fault === 'no-directory-sync' ? ['sync', 'syncSync'] : [])
  return Object.assign(Object.create(storage) as Storage, {
    openDirectorySync: (path: string) => forgetfulDirectory(storage.openDirectorySync(path)),
  })
}

function say(message: CutMessage): void {
  writeSync(MESSAGES_FD, `${JSON.stringify(message)}\n`)
}

try {
  const { base, method, files, fault } = plan
  const storage = fault === undefined ? defaultStorage(false) : forgetful(defaultStorage(false), fault)
  const handle = createHandle({ root: base, method, storage, mode: 'prod' })
  await Promise.all(files.map((file) => replaceForever(handle, file)))
} catch (error) {
  say({ failed: String((error as Error).stack) })
  process.exit(1)
}
