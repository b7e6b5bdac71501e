import type { Entrant } from './entrant.js'

const GROWS = 'grows'
const ZEROS_AHEAD = 'grows; writes zeros ahead of itself'
const OVERWRITTEN = 'allocated and overwritten'
const EACH = 'each record, when its commit resolves'
const NOTHING_YET = 'all of it, after the one sync at the end'
const READS = 'only reads'

type Engine = NonNullable<Entrant['engine']>
const ENGINE_NAMES: Record<Engine, string> = { portable: 'portable', pool: 'native pool', uring: 'io_uring' }

function fsys(engine: Engine, words: string, label: string, rest: Pick<Entrant, 'file' | 'durable'>): Entrant {
  const isDirect = words.includes('direct')
  return {
    id: `fsys/${engine}${words === '' ? '' : `/${words}`}`,
    label: `fsys ${ENGINE_NAMES[engine]}${isDirect ? ' direct' : ''}${label === '' ? '' : `, ${label}`}`,
    family: 'fsys',
    program: 'node:fsys',
    variant: words,
    engine,
    blocks: words.includes('twin'),
    ...rest,
  }
}

/** A peer whose id is all that its program needs to know. */
function peer(
  family: Entrant['family'],
  program: Entrant['program'],
  variant: string,
  label: string,
  rest: Pick<Entrant, 'file' | 'durable'> & { readonly blocks?: boolean },
): Entrant {
  const id = `${program.replace(/^node:/u, '')}${variant === '' ? '' : `/${variant}`}`
  return { id, label, family, program, variant, blocks: family !== 'hand-written' && family !== 'node', ...rest }
}

/** W1, and the cadence of 100: records handed to the system, then a sync. */
export function appendEntrants(syncEvery: number): Entrant[] {
  const durable = syncEvery === 0 ? NOTHING_YET : `each ${syncEvery} records, when the sync after them returns`
  const rest = { file: GROWS, durable }
  const own = { file: ZEROS_AHEAD, durable }
  const words = syncEvery === 0 ? '' : 'staged'
  const both = [
    fsys('pool', words, '', own),
    fsys('uring', words, '', own),
    fsys('portable', words, '', own),
    peer('hand-written', 'node:hand-written', 'joined', 'hand-written: Buffer.concat of 1000, unchecked', rest),
    peer('rust', 'rust-0.9', '', 'fsys-rs 0.9.0 append', rest),
    peer('rust', 'rust-1', '', 'fsys-rs 1.1.3 append', rest),
    peer('rust', 'rust-1', 'batch', 'fsys-rs 1.1.3 append_batch', rest),
    peer('go', 'go', 'tidwall', 'tidwall/wal WriteBatch', rest),
  ]
  if (syncEvery > 0) {
    return [
      ...both,
      fsys('uring', 'staged,direct', '', own),
      peer('rust', 'rust-1', 'batch,direct', 'fsys-rs 1.1.3 append_batch, direct', rest),
      peer('go', 'go', 'raft-wal', 'hashicorp/raft-wal StoreLogs', { file: 'allocated in segments', durable }),
      peer('go', 'go', 'etcd', 'etcd wal Save', { file: 'allocated in segments', durable }),
    ]
  }
  return [
    ...both,
    peer('hand-written', 'node:hand-written', 'in-place', 'hand-written: one buffer, 1000 a write, unchecked', rest),
    ...sqlite('bulk', { file: 'the WAL grows', durable, blocks: true }),
    peer('node', 'node:lmdb', '', 'lmdb, transactions of 1000', { ...rest, blocks: true }),
    peer('node', 'node:classic-level', '', 'classic-level, batches of 1000', rest),
    peer('node', 'node:sonic-boom', '', 'sonic-boom', rest),
  ]
}

/** better-sqlite3, and node:sqlite where Node.js has it. */
function sqlite(variant: string, rest: Pick<Entrant, 'file' | 'durable'> & { readonly blocks?: boolean }): Entrant[] {
  const how = variant === 'bulk' ? 'transactions of 1000' : variant === 'read' ? 'iterate' : 'synchronous=FULL'
  return [
    peer('node', 'node:better-sqlite3', variant, `better-sqlite3, ${how}`, rest),
    peer('node', 'node:node-sqlite', variant, `node:sqlite, ${how}`, rest),
  ]
}

/** W2: one committer. */
export function committerEntrants(): Entrant[] {
  const grows = { file: GROWS, durable: EACH }
  const own = { file: ZEROS_AHEAD, durable: EACH }
  const overwritten = { file: OVERWRITTEN, durable: EACH }
  const segments = { file: 'allocated in segments', durable: EACH }
  return [
    peer('limit', 'c', 'buffered,overwritten', 'C: pwrite + fdatasync', overwritten),
    peer('limit', 'c', 'buffered', 'C: pwrite + fdatasync, growing', grows),
    peer('limit', 'c', 'direct,overwritten', 'C: O_DIRECT + RWF_DSYNC', overwritten),
    fsys('pool', 'twin', 'syncThroughSync', own),
    fsys('portable', 'twin', 'syncThroughSync', own),
    fsys('uring', 'commit,direct', 'commit', own),
    fsys('pool', 'commit', 'commit', own),
    fsys('uring', 'commit', 'commit', own),
    fsys('portable', 'commit', 'commit', own),
    peer('hand-written', 'node:hand-written', 'blocking,overwritten', 'hand-written: writeSync + fdatasyncSync', {
      ...overwritten,
      blocks: true,
    }),
    peer('hand-written', 'node:hand-written', 'blocking', 'hand-written: writeSync + fdatasyncSync, growing', {
      ...grows,
      blocks: true,
    }),
    peer('hand-written', 'node:hand-written', 'loop', 'hand-written: writeSync + async fdatasync, growing', grows),
    peer('node', 'node:file-handle', '', 'FileHandle: appendFile + datasync', grows),
    ...sqlite('commit', { ...overwritten, file: 'the WAL is allocated and overwritten', blocks: true }),
    peer('node', 'node:lmdb', '', 'lmdb, flushed', { ...overwritten, file: 'a tree; grows and overwrites' }),
    peer('node', 'node:classic-level', '', 'classic-level, sync: true', grows),
    peer('node', 'node:sonic-boom', '', 'sonic-boom, flush with fsync', grows),
    peer('rust', 'rust-0.9', '', 'fsys-rs 0.9.0', grows),
    peer('rust', 'rust-0.9', 'direct', 'fsys-rs 0.9.0 direct', grows),
    peer('rust', 'rust-1', '', 'fsys-rs 1.1.3', grows),
    peer('rust', 'rust-1', 'direct', 'fsys-rs 1.1.3 direct', grows),
    peer('go', 'go', 'tidwall', 'tidwall/wal', grows),
    peer('go', 'go', 'raft-wal', 'hashicorp/raft-wal', segments),
    peer('go', 'go', 'etcd', 'etcd wal', segments),
  ]
}

/** W3: many committers. Those that share a sync: each at the best of its own means. */
export function committersEntrants(): Entrant[] {
  const grows = { file: GROWS, durable: EACH }
  const own = { file: ZEROS_AHEAD, durable: EACH }
  const segments = { file: 'allocated in segments', durable: EACH }
  return [
    fsys('pool', 'through', 'syncThrough(append())', own),
    fsys('pool', 'commit', 'commit', own),
    fsys('uring', 'through', 'syncThrough(append())', own),
    fsys('uring', 'through,direct', 'syncThrough(append())', own),
    fsys('portable', 'through', 'syncThrough(append())', own),
    peer('hand-written', 'node:hand-written', 'staged', 'hand-written group commit, staged, unchecked', grows),
    peer('hand-written', 'node:hand-written', 'group', 'hand-written group commit, Buffer.concat, unchecked', grows),
    ...sqlite('commit', {
      file: 'the WAL is allocated and overwritten',
      durable: 'each record: one transaction a turn of the loop',
      blocks: true,
    }),
    peer('node', 'node:lmdb', '', 'lmdb, flushed', { file: 'a tree; grows and overwrites', durable: EACH }),
    peer('node', 'node:classic-level', '', 'classic-level, one synced batch a turn', grows),
    peer('node', 'node:file-handle', '', 'FileHandle: appendFile + datasync', grows),
    peer('node', 'node:sonic-boom', '', 'sonic-boom, flush with fsync', grows),
    peer('rust', 'rust-0.9', '', 'fsys-rs 0.9.0, as many threads', grows),
    peer('rust', 'rust-1', 'window', 'fsys-rs 1.1.3, as many threads', grows),
    peer('go', 'go', 'tidwall', 'tidwall/wal, a goroutine that batches', grows),
    peer('go', 'go', 'raft-wal', 'hashicorp/raft-wal, a goroutine that batches', segments),
    peer('go', 'go', 'etcd', 'etcd wal, a goroutine that batches', segments),
  ]
}

/** W4: replay from the page cache. */
export function replayEntrants(): Entrant[] {
  const rest = { file: 'in the page cache', durable: READS }
  return [
    fsys('pool', 'scan', 'scan', rest),
    fsys('portable', 'scan', 'scan', rest),
    fsys('pool', 'batches', 'batches()', rest),
    fsys('pool', 'records', 'for...of', rest),
    peer('limit', 'c', '', 'C: read and check', rest),
    peer('hand-written', 'node:hand-written', 'read', 'hand-written: subarrays of 1 MiB, unchecked', rest),
    ...sqlite('read', { ...rest, blocks: true }),
    peer('node', 'node:lmdb', '', 'lmdb getRange', { ...rest, blocks: true }),
    peer('node', 'node:classic-level', '', 'classic-level values', rest),
    peer('rust', 'rust-0.9', '', 'fsys-rs 0.9.0 reader', rest),
    peer('rust', 'rust-1', '', 'fsys-rs 1.1.3 reader', rest),
    peer('go', 'go', 'tidwall', 'tidwall/wal Read', rest),
    peer('go', 'go', 'raft-wal', 'hashicorp/raft-wal GetLog', rest),
    peer('go', 'go', 'etcd', 'etcd wal ReadAll', rest),
  ]
}

/** W5: bulk. */
export function bulkEntrants(): Entrant[] {
  const rest = { file: GROWS, durable: NOTHING_YET }
  return [
    peer('limit', 'c', 'direct', 'C: O_DIRECT, 1 MiB, two at a time', rest),
    peer('limit', 'c', 'buffered', 'C: pwrite of 1 MiB', rest),
    fsys('pool', 'pipelined,direct', '', rest),
    fsys('uring', 'pipelined,direct', '', rest),
    fsys('portable', 'pipelined,direct', '', rest),
    fsys('pool', 'pipelined', '', rest),
    fsys('portable', 'pipelined', '', rest),
    peer('hand-written', 'node:hand-written', 'bulk', 'hand-written: 1 MiB a write, unchecked', rest),
    peer('rust', 'rust-0.9', 'direct', 'fsys-rs 0.9.0 append, direct', rest),
    peer('rust', 'rust-1', 'batch,direct', 'fsys-rs 1.1.3 append_batch, direct', rest),
    peer('rust', 'rust-1', 'batch', 'fsys-rs 1.1.3 append_batch', rest),
    peer('go', 'go', 'tidwall', 'tidwall/wal WriteBatch', rest),
  ]
}

/** W7: many small files. */
export function replaceEntrants(): Entrant[] {
  const name = 'content and name of each file'
  const contentOnly = 'content of each file, and no name: a power cut may bring the old one back'
  const peers = { file: 'one of 1 KiB each, replaced', durable: contentOnly }
  const own = { file: 'one of 1 KiB each, replaced', durable: name }
  return [
    fsys('pool', 'batch', 'writeBatch', own),
    fsys('portable', 'batch', 'writeBatch', own),
    fsys('pool', 'single', 'write, one by one', own),
    peer('node', 'node:write-file-atomic', '', 'write-file-atomic, one by one', peers),
    peer('node', 'node:write-file-atomic', 'together', 'write-file-atomic, all at once', peers),
  ]
}

/** W6: open. */
export function openEntrants(isCold: boolean): Entrant[] {
  const rest = { file: isCold ? 'not in the page cache' : 'in the page cache', durable: READS }
  return [
    peer('limit', 'c', '', 'C: read and check', rest),
    fsys('pool', '', '', rest),
    fsys('portable', '', '', rest),
    fsys('uring', 'direct', '', rest),
    peer('hand-written', 'node:hand-written', 'open', 'hand-written: read the file, unchecked', rest),
    peer('rust', 'rust-0.9', '', 'fsys-rs 0.9.0: goes on at the end, unread', rest),
    peer('rust', 'rust-1', '', 'fsys-rs 1.1.3', rest),
  ]
}
