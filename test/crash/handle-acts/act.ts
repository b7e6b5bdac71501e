import { Readable } from 'node:stream'

import type { Handle } from '#src/handle/handle.js'

/** One thing that a writer does with a handle, as it says so in JSON. Paths are within the handle's root. */
export type Act = SingleAct | BatchAct

export type SingleAct =
  | {
      readonly kind: 'write' | 'writeCopy' | 'append'
      readonly path: string
      readonly text: Text
      readonly mode: number
    }
  | { readonly kind: 'writeAt'; readonly path: string; readonly offset: number; readonly text: Text }
  | { readonly kind: 'truncate'; readonly path: string; readonly size: number }
  | {
      readonly kind: 'punchHole' | 'writeZeros'
      readonly path: string
      readonly offset: number
      readonly length: number
    }
  | { readonly kind: 'rename' | 'copy'; readonly path: string; readonly to: string }
  | { readonly kind: 'delete' | 'mkdir' | 'mkdirAll' | 'rmdir' | 'rmdirAll'; readonly path: string }

/** No two of its acts have a path in common. */
export interface BatchAct {
  readonly kind: 'writeBatch' | 'deleteBatch' | 'copyBatch' | 'batch'
  readonly grouped: boolean
  readonly acts: readonly SingleAct[]
}

/** What is written: so many bytes that nobody else writes. */
export interface Text {
  readonly version: number
  readonly length: number
}

export function textBytes({ version, length }: Text): Buffer {
  return Buffer.alloc(length, `version ${version} `)
}

/** Two of them, so that a file can be half written. */
function piecesOf(text: Text): Buffer[] {
  const bytes = textBytes(text)
  return [bytes.subarray(0, bytes.length / 2), bytes.subarray(bytes.length / 2)]
}

function dataOf(text: Text, way: Way): Buffer | Readable {
  return way === 'streamed' ? Readable.from(piecesOf(text)) : textBytes(text)
}

/** In which of its ways a call is made. `streamed` is waiting, and what replaces files comes from streams. */
export type Way = 'blocking' | 'waiting' | 'streamed'

/** Does it, and returns when it is acknowledged. Batches have no way that blocks. */
export async function perform(handle: Handle, act: Act, way: Way): Promise<void> {
  if ('acts' in act) await performBatch(handle, act, way)
  else if (way === 'blocking') performBlocking(handle, act)
  else await performWaiting(handle, act, way)
}

async function performWaiting(handle: Handle, act: SingleAct, way: Way): Promise<void> {
  switch (act.kind) {
    case 'write':
    case 'writeCopy':
      return void (await handle[act.kind](act.path, dataOf(act.text, way), { mode: act.mode }))
    case 'append':
      return await handle.append(act.path, textBytes(act.text), { mode: act.mode })
    case 'writeAt':
      return await handle.writeAt(act.path, act.offset, textBytes(act.text))
    case 'truncate':
      return await handle.truncate(act.path, act.size)
    case 'punchHole':
    case 'writeZeros':
      return void (await handle[act.kind](act.path, act.offset, act.length))
    case 'rename':
    case 'copy':
      return void (await handle[act.kind](act.path, act.to))
    default:
      await handle[act.kind](act.path)
  }
}

function performBlocking(handle: Handle, act: SingleAct): void {
  switch (act.kind) {
    case 'write':
    case 'append':
      return handle[`${act.kind}Sync`](act.path, textBytes(act.text), { mode: act.mode })
    case 'writeCopy':
      return void handle.writeCopySync(act.path, piecesOf(act.text), { mode: act.mode })
    case 'writeAt':
      return handle.writeAtSync(act.path, act.offset, textBytes(act.text))
    case 'truncate':
      return handle.truncateSync(act.path, act.size)
    case 'punchHole':
    case 'writeZeros':
      return void handle[`${act.kind}Sync`](act.path, act.offset, act.length)
    case 'rename':
    case 'copy':
      return void handle[`${act.kind}Sync`](act.path, act.to)
    default:
      handle[`${act.kind}Sync`](act.path)
  }
}

async function performBatch(handle: Handle, { kind, grouped, acts }: BatchAct, way: Way): Promise<void> {
  const options = { grouped }
  if (kind === 'deleteBatch')
    return await handle.deleteBatch(
      acts.map(({ path }) => path),
      options,
    )
  if (kind === 'copyBatch') {
    return await handle.copyBatch(
      acts.flatMap((act) => (act.kind === 'copy' ? [[act.path, act.to] as const] : [])),
      options,
    )
  }
  if (kind === 'writeBatch') {
    const files = acts.flatMap((act) => (act.kind === 'write' ? [[act.path, dataOf(act.text, way)] as const] : []))
    return await handle.writeBatch(files, options)
  }
  const batch = handle.batch()
  for (const act of acts) {
    if (act.kind === 'write') batch.write(act.path, dataOf(act.text, way), { mode: act.mode })
    else if (act.kind === 'rename' || act.kind === 'copy') batch[act.kind](act.path, act.to)
    else if (act.kind === 'delete') batch.delete(act.path)
    else throw new Error(`no batch has a ${act.kind}`)
  }
  await batch.commit(options)
}
