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

/** Does it, and returns when it is acknowledged. `choice` is a number below 1 that says in which of its ways. */
export async function perform(handle: Handle, act: Act, choice: number): Promise<void> {
  if ('acts' in act) await performBatch(handle, act)
  else if (choice < 0.3) performBlocking(handle, act)
  else await performWaiting(handle, act, choice > 0.8)
}

async function performWaiting(handle: Handle, act: SingleAct, isInPieces: boolean): Promise<void> {
  switch (act.kind) {
    case 'write':
    case 'writeCopy': {
      const bytes = textBytes(act.text)
      const data = isInPieces ? [bytes.subarray(0, 5), bytes.subarray(5)] : bytes
      await handle[act.kind](act.path, data, { mode: act.mode })
      return
    }
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
    case 'writeCopy':
    case 'append':
      return void handle[`${act.kind}Sync`](act.path, textBytes(act.text), { mode: act.mode })
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

async function performBatch(handle: Handle, { kind, grouped, acts }: BatchAct): Promise<void> {
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
    const files = acts.flatMap((act) => (act.kind === 'write' ? [[act.path, textBytes(act.text)] as const] : []))
    return await handle.writeBatch(files, options)
  }
  const batch = handle.batch()
  for (const act of acts) {
    if (act.kind === 'write') batch.write(act.path, textBytes(act.text), { mode: act.mode })
    else if (act.kind === 'rename' || act.kind === 'copy') batch[act.kind](act.path, act.to)
    else if (act.kind === 'delete') batch.delete(act.path)
    else throw new Error(`no batch has a ${act.kind}`)
  }
  await batch.commit(options)
}
