// Does what a script says, one act after the other, once it is told to begin, and says when each is acknowledged. Killed at
// every call. Its plan is its one word, as JSON.
import { readSync, writevSync } from 'node:fs'

import { createHandle, type Handle } from '#src/handle/handle.js'
import { defaultStorage } from '#src/storage/default-storage.js'
import type { Owners, Storage } from '#src/storage/storage.js'

import { type Act, perform, textBytes } from '../handle-acts/act.js'
import { ACKNOWLEDGED, type KillPlan, READY } from './plan.js'
import { SCRIPTS } from './scripts.js'

const { base, script, way, method, isRooted, fault } = JSON.parse(process.argv[2] ?? '') as KillPlan

/** By a call that nothing else here makes, which one buffer alone does not lead to: who counts writes is not to count these. */
function say(word: string): void {
  writevSync(1, [Buffer.from(word), Buffer.alloc(0)])
}

/** As a program would do it that does not know better. */
async function performInSteps(handle: Handle, act: Act): Promise<void> {
  if (act.kind === 'write' || act.kind === 'writeCopy') overwrite(handle, act.path, textBytes(act.text), act.mode)
  else if (act.kind === 'copy') {
    overwrite(handle, act.to, handle.readSync(act.path), handle.statSync(act.path).permissions)
  } else if (act.kind === 'rename') {
    handle.deleteSync(act.to)
    handle.copySync(act.path, act.to)
    handle.deleteSync(act.path)
  } else await perform(handle, act, way)
}

function overwrite(handle: Handle, path: string, bytes: Buffer, mode: number): void {
  if (handle.existsSync(path)) handle.truncateSync(path, 0)
  handle.appendSync(path, bytes, { mode })
}

function elsewhere(storage: Storage): Storage {
  const owners: Owners = { ...storage.owners, self: () => ({ ...storage.owners.self(), host: 'elsewhere' }) }
  return Object.assign(Object.create(storage) as Storage, {
    owners,
    openDirectorySync: (path: string) => storage.openDirectorySync(path),
  })
}

// The modes that are asked for are those that files get.
process.umask(0)
const storage = defaultStorage(false)
process.chdir(base)
const handle = createHandle({
  method,
  mode: 'prod',
  ...(isRooted && { root: base }),
  ...(fault === 'foreign-drafts' && { storage: elsewhere(storage) }),
})
say(READY)
readSync(0, Buffer.alloc(1))
for (const act of SCRIPTS[script].acts) {
  if (fault === 'early') say(ACKNOWLEDGED)
  if (fault === 'not-at-once') await performInSteps(handle, act)
  else await perform(handle, act, way)
  if (fault !== 'early') say(ACKNOWLEDGED)
}
