import { execFileSync, spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import type { TestContext } from 'node:test'

import { unavailable } from './unavailable.js'

// Extended attributes of real files, by Python, which has the calls: neither Node nor the addon sets one by itself.

export const ACCESS_LIST = 'system.posix_acl_access'
export const DEFAULT_LIST = 'system.posix_acl_default'

const PROGRAM = `
import json, os, sys
task = json.load(sys.stdin)
for name, value in task["set"].items():
    os.setxattr(task["path"], name, bytes.fromhex(value))
names = os.listxattr(task["path"])
json.dump({name: os.getxattr(task["path"], name).hex() for name in names}, sys.stdout)
`

/** Sets attributes of a file or directory, values in hexadecimal, and returns all of them. */
export function extended(path: string, set: Readonly<Record<string, string>> = {}): Record<string, string> {
  const input = JSON.stringify({ path, set })
  const output = execFileSync('python3', ['-SEc', PROGRAM], {
    input,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const found = Object.entries(JSON.parse(output) as Record<string, string>)
  // XFS shows the list by a second name.
  return Object.fromEntries(found.filter(([name]) => set[name] !== undefined || !name.startsWith('trusted.SGI_ACL_')))
}

/** The file systems where it was found that they can. */
const places = new Set<number>()

/** Skips the test where attributes or lists cannot be set at the path, or users cannot be changed. */
export function canSetAttributes(context: TestContext, path: string): boolean {
  const { dev } = statSync(path)
  if (places.has(dev)) return true
  try {
    if (process.getuid?.() !== 0) throw new Error('not the superuser')
    extended(path, { 'user.fsys': '00', 'trusted.fsys': '00', [ACCESS_LIST]: list({ user: 7, group: 7, others: 5 }) })
    places.add(dev)
    return true
  } catch (error) {
    unavailable(context, `cannot set extended attributes here: ${(error as Error).message.split('\n').at(-2) ?? ''}`)
    return false
  }
}

export interface AccessList {
  readonly user: number
  readonly users?: Readonly<Record<number, number>>
  readonly group: number
  readonly mask?: number
  readonly others: number
}

/** The bytes of an access control list: a version, then tag, permissions and id of each entry (linux/posix_acl_xattr.h). */
export function list({ user, users = {}, group, mask, others }: AccessList): string {
  const entries: [tag: number, permissions: number, id: number][] = [
    [0x01, user, UNDEFINED_ID],
    ...Object.entries(users).map(([id, bits]): [number, number, number] => [0x02, bits, Number(id)]),
    [0x04, group, UNDEFINED_ID],
    ...(mask === undefined ? [] : [[0x10, mask, UNDEFINED_ID] as [number, number, number]]),
    [0x20, others, UNDEFINED_ID],
  ]
  const bytes = Buffer.alloc(4 + entries.length * 8)
  bytes.writeUInt32LE(2)
  for (const [index, [tag, permissions, id]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 4 + index * 8)
    bytes.writeUInt16LE(permissions, 6 + index * 8)
    bytes.writeUInt32LE(id, 8 + index * 8)
  }
  return bytes.toString('hex')
}

const UNDEFINED_ID = 0xffff_ffff

/** Whether somebody may read a file. */
export function mayRead(path: string, uid: number, gid: number): boolean {
  const { status, error } = spawnSync('cat', [path], { uid, gid, cwd: '/' })
  if (error !== undefined) throw error
  return status === 0
}
