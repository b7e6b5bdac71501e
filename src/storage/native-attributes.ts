import { Attributes, type NativeAddon, nativeError } from '../platform/native-addon.js'
import { NodeFile } from './node-file.js'
import type { AttributeKind, StorageFile } from './storage.js'

/** Whether what is at a path has an access control list; or a directory one for what is made in it. ENOENT: nothing is. */
export function hasAccessList(addon: NativeAddon, path: string, isDefault: boolean): boolean {
  const result = addon.hasAccessListSync(pathBytes(path), isDefault ? 1 : 0)
  if (result >= 0) return result === 1
  throw nativeError(result, 'lgetxattr')
}

/** Gives an open file attributes of what is at a path, as a job of the thread pool. False if some were left out. */
export async function copyAttributes(
  addon: NativeAddon,
  path: string,
  to: StorageFile,
  kind: AttributeKind,
): Promise<boolean> {
  const result = await new Promise<number>((resolve) => {
    const started = addon.copyAttributes(pathBytes(path), descriptorOf(to), KINDS[kind], resolve)
    if (started < 0) resolve(started)
  })
  return areAllGiven(result)
}

export function copyAttributesSync(addon: NativeAddon, path: string, to: StorageFile, kind: AttributeKind): boolean {
  return areAllGiven(addon.copyAttributesSync(pathBytes(path), descriptorOf(to), KINDS[kind]))
}

const KINDS: Readonly<Record<AttributeKind, number>> = {
  'access-list': Attributes.accessList,
  'no-access-list': Attributes.noAccessList,
  others: Attributes.others,
}

function pathBytes(path: string): Uint8Array {
  return Buffer.from(`${path}\0`)
}

function descriptorOf(file: StorageFile): number {
  return file instanceof NodeFile ? file.fd : -1
}

function areAllGiven(result: number): boolean {
  if (result < 0) throw nativeError(result, 'fsetxattr')
  return result === 0
}
