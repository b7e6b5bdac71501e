import type { Act, BatchAct, SingleAct, Text } from '../handle-acts/act.js'
import type { Tree } from '../handle-acts/tree.js'

/** A row of acts, one after the other; the lanes go on at the same time, each on paths of its own. */
export interface Lane {
  /** What it is there for; it writes files too. */
  readonly kinds: readonly Act['kind'][]
  readonly choose: (luck: Luck, tree: Tree) => Act
}

/** What is there before the first act. */
export const DIRECTORIES: readonly string[] = ['f', 'f/d', 'p', 'n', 'n/d', 't', 'b', 'b/d']

/** What a lane is given to choose by. */
export class Luck {
  readonly random: () => number
  readonly #nextVersion: () => number

  constructor(random: () => number, nextVersion: () => number) {
    this.random = random
    this.#nextVersion = nextVersion
  }

  below(count: number): number {
    return Math.floor(this.random() * count)
  }

  oneOf<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item
  }

  /** Some of them, in any order. */
  some<Item>(items: readonly Item[], count: number): Item[] {
    const left = [...items]
    return Array.from(
      { length: Math.min(count, left.length) },
      () => left.splice(this.below(left.length), 1)[0] as Item,
    )
  }

  text(lengths: readonly number[] = [40, 700, 5000, 40_000, 300_000]): Text {
    return { version: this.#nextVersion(), length: this.oneOf(lengths) }
  }

  mode(): number {
    return this.oneOf([0o600, 0o640, 0o666])
  }
}

const names = (directory: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${directory}/${at}`)

const write = (luck: Luck, path: string, lengths?: readonly number[]): SingleAct => ({
  kind: luck.random() < 0.15 ? 'writeCopy' : 'write',
  path,
  text: luck.text(lengths),
  mode: luck.mode(),
})

/** Three files that are replaced, two of them in one directory. */
const replacing: readonly Lane[] = ['f/a', 'f/b', 'f/d/c'].map((path) => ({
  kinds: ['write', 'writeCopy'],
  choose: (luck) => write(luck, path),
}))

const changing: Lane = {
  kinds: ['append', 'writeAt', 'truncate', 'punchHole', 'writeZeros'],
  choose(luck, tree) {
    const path = luck.oneOf(['p/a', 'p/b'])
    const thing = tree.get(path)
    const size = typeof thing === 'object' ? thing.content.length : 0
    const text = (): Text => luck.text([1, 40, 700, 5000, 40_000])
    const kind = luck.random()
    if (thing === undefined || kind < 0.3) return { kind: 'append', path, text: text(), mode: luck.mode() }
    if (size > PLACE_BYTES_MAX) return { kind: 'truncate', path, size: luck.below(5000) }
    const offset = luck.below(size + 3000)
    if (kind < 0.55) return { kind: 'writeAt', path, offset, text: text() }
    if (kind < 0.7) return { kind: 'truncate', path, size: luck.below(size * 1.3) }
    return { kind: kind < 0.85 ? 'punchHole' : 'writeZeros', path, offset, length: luck.below(20_000) }
  },
}

const PLACE_BYTES_MAX = 200_000

const moving: Lane = {
  kinds: ['rename', 'delete', 'copy'],
  choose(luck, tree) {
    const all = [...names('n', 3), ...names('n/d', 3)]
    const there = all.filter((path) => tree.has(path))
    const kind = luck.random()
    if (there.length < 3 || kind < 0.1) return write(luck, luck.oneOf(all), [700, 5000])
    const path = luck.oneOf(there)
    if (kind < 0.4) return { kind: 'delete', path }
    return { kind: kind < 0.75 ? 'rename' : 'copy', path, to: luck.oneOf(all.filter((other) => other !== path)) }
  },
}

const growing: Lane = {
  kinds: ['mkdir', 'mkdirAll', 'rmdir', 'rmdirAll'],
  choose(luck, tree) {
    const tops = ['t/p', 't/q']
    const levels = tops.flatMap((top) => [top, `${top}/p`, `${top}/q`, `${top}/p/p`, `${top}/p/q`])
    const there = levels.filter((path) => tree.has(path))
    const kind = luck.random()
    if (there.length < 2 || kind < 0.2) return { kind: 'mkdirAll', path: luck.oneOf(levels) }
    const missing = levels.filter((path) => !tree.has(path) && (tops.includes(path) || tree.has(parentOf(path))))
    if (kind < 0.45 && missing.length > 0) return { kind: 'mkdir', path: luck.oneOf(missing) }
    const empty = there.filter((path) => ![...tree.keys()].some((other) => parentOf(other) === path))
    if (kind < 0.65 && empty.length > 0) return { kind: 'rmdir', path: luck.oneOf(empty) }
    if (kind < 0.8) return { kind: 'rmdirAll', path: luck.oneOf(there) }
    return write(luck, `${luck.oneOf(there)}/file`, [40, 5000])
  },
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/'))

const batching: Lane = {
  kinds: ['writeBatch', 'deleteBatch', 'copyBatch', 'batch'],
  choose(luck, tree) {
    const all = luck.some([...names('b', 10), ...names('b/d', 10)], 20)
    const there = all.filter((path) => tree.has(path))
    const absent = all.filter((path) => !tree.has(path))
    const grouped = luck.random() < 0.7
    const kind = luck.random()
    if (there.length < 6 || kind < 0.25) {
      const acts = all.slice(0, 2 + luck.below(12)).map((path) => batchWrite(luck, path, 0o666))
      return { kind: 'writeBatch', grouped, acts }
    }
    const copies = (count: number): SingleAct[] =>
      there
        .slice(0, Math.min(count, absent.length))
        .map((path, at) => ({ kind: 'copy', path, to: absent[at] as string }))
    if (kind < 0.5) {
      return { kind: 'deleteBatch', grouped, acts: there.slice(0, 4).map((path) => ({ kind: 'delete', path })) }
    }
    if (kind < 0.75 && absent.length > 0) return { kind: 'copyBatch', grouped, acts: copies(4) }
    return mixedBatch(luck, there, absent, grouped)
  },
}

/** Each path is in one act only: then what a power cut finds of one says nothing of another. */
function mixedBatch(luck: Luck, there: string[], absent: string[], grouped: boolean): BatchAct {
  const acts: SingleAct[] = [batchWrite(luck, there.pop() as string, luck.mode())]
  const [deleted, renamed, copied] = [there.pop(), there.pop(), there.pop()]
  if (deleted !== undefined) acts.push({ kind: 'delete', path: deleted })
  const [renamedTo, copiedTo, made] = [absent.pop() ?? there.pop(), absent.pop(), absent.pop()]
  if (renamed !== undefined && renamedTo !== undefined) acts.push({ kind: 'rename', path: renamed, to: renamedTo })
  if (copied !== undefined && copiedTo !== undefined) acts.push({ kind: 'copy', path: copied, to: copiedTo })
  if (made !== undefined) acts.push(batchWrite(luck, made, luck.mode()))
  for (const path of there) acts.push(batchWrite(luck, path, luck.mode()))
  return { kind: 'batch', grouped, acts }
}

/** Most are small enough to be replaced many in one trip. */
function batchWrite(luck: Luck, path: string, mode: number): SingleAct {
  return { kind: 'write', path, text: luck.text([0, 40, 700, 700, 5000, 5000, 40_000, 100_000]), mode }
}

export const LANES: readonly Lane[] = [...replacing, changing, moving, growing, batching]

/** Every call that changes something. */
export const ACTS: readonly Act['kind'][] = [...new Set(LANES.flatMap(({ kinds }) => kinds))]
