/** What a call does. The order is that of `enum kind` in recorder.c. */
export const KINDS = [
  'note',
  'open',
  'create',
  'read',
  'write',
  'dataSync',
  'sync',
  'truncate',
  'rename',
  'link',
  'unlink',
  'close',
  'makeDirectory',
  'removeDirectory',
  'changeMode',
] as const
export type Kind = (typeof KINDS)[number]

/** One call that a recorded process has made. Its times are indices of entries in the log. */
export interface Call {
  readonly kind: Kind
  readonly begun: number
  /** Infinity if the process was gone before it returned. */
  ended: number
  readonly thread: number
  /** The name of the file that it is about, when it began. */
  readonly path: string
  /** The other name of a link or a rename. */
  readonly to: string | undefined
  /** Which open description it is about, or has made; 0 for calls on names. */
  description: number
  readonly position: number
  /** How many bytes were to be moved, or the size to cut to; of what is opened or has its mode changed, the permission bits. */
  length: number
  /** What was to be written. */
  readonly data: Buffer
  /** The flags of an open, or of pwritev2. */
  readonly modes: number
  result: number
  errno: number
  /** A fault has met it. */
  readonly isInjected: boolean
  /** The memory of a write changed before the write had returned (D4b). */
  hasMemoryChanged: boolean
  /** Of what was opened. */
  inode: bigint
  birthTime: bigint
}

/** What the process has said. */
export interface Note {
  readonly at: number
  readonly text: string
}

/** What a process did to the files below one directory, in order. */
export interface Log {
  readonly entryCount: number
  readonly calls: readonly Call[]
  readonly notes: readonly Note[]
}

/*
 * An entry, as `struct entry` in recorder.c has it:
 *
 *   0     4    5     6     8      12   16          20    24       32     40     48    56         64   68    72
 *   | bytes | kind | phase | flags | thread | call | description | errno | position | length | result | inode | birth | text bytes | modes | text, data
 */
const ENTRY_BYTES = 72

/** Reads a log. If the process was killed, the last entry may be there in part; it is left out. */
export function parseLog(bytes: Buffer): Log {
  const calls = new Map<number, Call>()
  const notes: Note[] = []
  const names = new Map<number, string>()
  let entryCount = 0
  for (let start = 0; start + ENTRY_BYTES <= bytes.length; entryCount++) {
    const entry = bytes.subarray(start, start + bytes.readUInt32LE(start))
    if (entry.length < bytes.readUInt32LE(start)) break
    start += entry.length
    const kind = KINDS[entry[4] as number] as Kind
    const isEnd = entry[5] === 1
    const number = entry.readUInt32LE(12)
    if (kind === 'note') {
      notes.push({ at: entryCount, text: entry.toString('utf8', ENTRY_BYTES) })
    } else if (isEnd) {
      const call = calls.get(number) as Call
      call.ended = entryCount
      finish(call, entry)
      if (call.result >= 0) follow(call, names)
    } else {
      calls.set(number, begin(entry, kind, entryCount, names))
    }
  }
  return { entryCount, calls: [...calls.values()], notes }
}

function begin(entry: Buffer, kind: Kind, begun: number, names: ReadonlyMap<number, string>): Call {
  const textEnd = ENTRY_BYTES + entry.readUInt32LE(64)
  const [path = '', to] = entry.toString('utf8', ENTRY_BYTES, textEnd).split('\0')
  const description = entry.readUInt32LE(16)
  return {
    kind,
    begun,
    ended: Infinity,
    thread: entry.readUInt32LE(8),
    path: description === 0 ? path : (names.get(description) as string),
    to: to === '' ? undefined : to,
    description,
    position: Number(entry.readBigInt64LE(24)),
    length: Number(entry.readBigInt64LE(32)),
    data: entry.subarray(textEnd),
    modes: entry.readUInt32LE(68),
    result: -1,
    errno: 0,
    isInjected: isFlagged(entry, INJECTED),
    hasMemoryChanged: false,
    inode: 0n,
    birthTime: 0n,
  }
}

/** Keeps up what the open files are called. */
function follow({ kind, description, path, to }: Call, names: Map<number, string>): void {
  if (kind === 'open' || kind === 'create') names.set(description, path)
  if (kind !== 'rename' || to === undefined) return
  for (const [open, name] of names) if (name === path) names.set(open, to)
}

function finish(call: Call, entry: Buffer): void {
  call.description = entry.readUInt32LE(16)
  call.errno = entry.readInt32LE(20)
  call.length = Number(entry.readBigInt64LE(32))
  call.result = Number(entry.readBigInt64LE(40))
  call.inode = entry.readBigUInt64LE(48)
  call.birthTime = entry.readBigInt64LE(56)
  call.hasMemoryChanged = isFlagged(entry, MEMORY_CHANGED)
}

const INJECTED = 1
const MEMORY_CHANGED = 2

function isFlagged(entry: Buffer, flag: number): boolean {
  return ((entry[6] as number) & flag) !== 0
}
