/** Something that must hold, or the command fails: a ratio within a run, seldom a figure itself. */
export interface Goal {
  readonly workload: string
  readonly row: string
  readonly of: 'figure' | 'memory' | 'loop delay'
  readonly relation: '>=' | '<='
  readonly value: number
  /** The best of these is what it is compared with: ids of rows, or `family:`, `free:` or `blocking:` and a family. */
  readonly to?: readonly string[]
}

const HAND_WRITTEN = ['family:hand-written']
const STORES = ['family:node']
const C = ['c/buffered,overwritten']

function atLeast(workload: string, row: string, value: number, to: readonly string[]): Goal {
  return { workload, row, of: 'figure', relation: '>=', value, to }
}

function atMost(workload: string, row: string, value: number, to: readonly string[]): Goal {
  return { workload, row, of: 'figure', relation: '<=', value, to }
}

function memory(workload: string, row: string, to: readonly string[]): Goal {
  return { workload, row, of: 'memory', relation: '<=', value: 1.5, to }
}

function loopIsFree(workload: string, row: string): Goal {
  return { workload, row, of: 'loop delay', relation: '<=', value: 5 }
}

/** @param sqlite Which SQLite is there: node:sqlite, or better-sqlite3 in its place. */
export function goals(sqlite: string): Goal[] {
  return [
    ...appendGoals(),
    ...oneCommitterGoals(sqlite),
    ...manyCommitterGoals(),
    ...readingGoals(),
    ...bulkGoals(),
    ...fileGoals(),
  ]
}

function appendGoals(): Goal[] {
  return [
    atLeast('W1-64', 'fsys/pool', 8, ['rust-0.9']),
    atLeast('W1-64', 'fsys/pool', 1, ['rust-1/batch']),
    atLeast('W1-64', 'fsys/pool', 3.3, ['hand-written/joined']),
    atLeast('W1-64', 'fsys/portable', 2.3, ['hand-written/joined']),
    atLeast('W1-64', 'fsys/pool', 8, STORES),
    atLeast('W1-4096', 'fsys/pool', 2, STORES),
    memory('W1-64', 'fsys/pool', HAND_WRITTEN),
    memory('W1-64', 'fsys/portable', HAND_WRITTEN),
  ]
}

function oneCommitterGoals(sqlite: string): Goal[] {
  return [
    atMost('W2-64', 'fsys/uring/commit,direct', 1.35, C),
    atMost('W2-64', 'fsys/pool/commit', 1.5, C),
    atMost('W2-64', 'fsys/uring/commit', 1.7, C),
    atMost('W2-64', 'fsys/portable/commit', 1.9, C),
    atMost('W2-64', 'fsys/pool/twin', 1.1, C),
    atMost('W2-64', 'fsys/portable/twin', 1.3, C),
    atMost('W2-64', 'fsys/pool/twin', 1, STORES),
    atMost('W2-64', 'fsys/uring/commit,direct', 1, STORES),
    atMost('W2-64', 'fsys/pool/commit', 1.2, [sqlite]),
    atMost('W2-64', 'fsys/uring/commit', 1.2, [sqlite]),
    atMost('W2-64', 'fsys/portable/commit', 1.2, [sqlite]),
    atMost('W2-64', 'fsys/portable/commit', 0.95, ['hand-written/loop']),
    memory('W2-64', 'fsys/pool/commit', HAND_WRITTEN),
    memory('W2-64', 'fsys/portable/commit', HAND_WRITTEN),
    ...['uring/commit,direct', 'pool/commit', 'uring/commit', 'portable/commit'].map((row) =>
      loopIsFree('W2-64', `fsys/${row}`),
    ),
  ]
}

function manyCommitterGoals(): Goal[] {
  const anybody = [...HAND_WRITTEN, ...STORES, 'family:rust', 'family:go']
  return [
    atLeast('W3-64-64', 'fsys/pool/through', 1.3, ['free:hand-written', 'free:node']),
    atLeast('W3-64-64', 'fsys/pool/through', 1, ['blocking:node']),
    atLeast('W3-64-64', 'fsys/portable/through', 1.3, HAND_WRITTEN),
    ...['W3-64-1024', 'W3-64-4096'].flatMap((workload) => [
      atLeast(workload, 'fsys/pool/through', 1.2, HAND_WRITTEN),
      atLeast(workload, 'fsys/portable/through', 0.8, HAND_WRITTEN),
      atLeast(workload, 'fsys/pool/through', 2, STORES),
      atLeast(workload, 'fsys/pool/through', 1, ['family:rust']),
      memory(workload, 'fsys/pool/through', HAND_WRITTEN),
    ]),
    atLeast('W3-4096-1024', 'fsys/pool/through', 1, anybody),
    atLeast('W3-4096-1024', 'fsys/uring/through,direct', 1.3, anybody),
    ...['W3-64-8', 'W3-64-64', 'W3-64-512', 'W3-64-1024', 'W3-64-4096', 'W3-4096-1024'].flatMap((workload) =>
      ['pool/through', 'pool/commit', 'uring/through', 'uring/through,direct', 'portable/through'].map((row) =>
        loopIsFree(workload, `fsys/${row}`),
      ),
    ),
  ]
}

function readingGoals(): Goal[] {
  return [
    atLeast('W4-64', 'fsys/pool/scan', 1.5, HAND_WRITTEN),
    atLeast('W4-64', 'fsys/portable/scan', 0.8, HAND_WRITTEN),
    atLeast('W4-64', 'fsys/pool/scan', 5, ['lmdb']),
    atLeast('W4-4096', 'fsys/pool/scan', 5, ['rust-0.9']),
    atLeast('W4-4096', 'fsys/pool/scan', 1, ['rust-1']),
    memory('W4-64', 'fsys/pool/scan', HAND_WRITTEN),
    memory('W4-64', 'fsys/portable/scan', HAND_WRITTEN),
    atMost('W6-warm', 'fsys/pool', 1.3, ['c']),
    ...['fsys/pool', 'fsys/portable', 'fsys/uring/direct'].map((row) => atMost('W6-cold', row, 1.2, ['c'])),
    memory('W6-warm', 'fsys/pool', HAND_WRITTEN),
  ]
}

function bulkGoals(): Goal[] {
  return [
    atLeast('W5', 'fsys/pool/pipelined,direct', 0.55, ['c/direct']),
    atLeast('W5', 'fsys/portable/pipelined,direct', 0.45, ['c/direct']),
    memory('W5', 'fsys/pool/pipelined,direct', HAND_WRITTEN),
  ]
}

function fileGoals(): Goal[] {
  return [
    atLeast('W7', 'fsys/pool/batch', 3, ['write-file-atomic']),
    atLeast('W7', 'fsys/pool/batch', 3, ['write-file-atomic/together']),
  ]
}

/** What a goal is called where something is said about it: the same in every run. */
export function goalKey({ workload, row, of, relation, value, to = [] }: Goal): string {
  return `${workload} ${row} ${of} ${relation} ${value}${to.length === 0 ? '' : ` ${to.join('|')}`}`
}
