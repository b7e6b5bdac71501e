import { dirname, join } from 'node:path'

import { createHandle } from 'fsys'

import { must } from '../../sim/model.js'
import type { Act } from './act.js'
import { isBetween, isSame, type Part, partsOf, readTree, type Thing, type Tree } from './tree.js'

/** How many parts of what was under way were found done, not done, or begun. */
export interface Outcome {
  readonly done: number
  readonly notDone: number
  readonly begun: number
}

/**
 * Compares what a crash has left, without drafts, with what was acknowledged and what was under way: F1, and F2. Throws a
 * Violation.
 */
export function checkTree(acknowledged: Tree, underWay: readonly Act[], found: Tree): Outcome {
  const outcome = { done: 0, notDone: 0, begun: 0 }
  const parts = underWay.flatMap((act) => partsOf(act, acknowledged))
  for (const part of parts) outcome[checkPart(part, acknowledged, found)]++
  const touched = new Set(parts.flatMap(({ after }) => Array.from(after.keys())))
  for (const path of new Set([...acknowledged.keys(), ...found.keys()])) {
    const [is, was] = [found.get(path), acknowledged.get(path)]
    must(touched.has(path) || isSame(is, was), 'F2', () => `${path} is ${tell(is)}, and ${tell(was)} was acknowledged`)
  }
  return outcome
}

/** F1: it is done or not, and never a mix; but what is changed in place may be in between. */
function checkPart({ after, isInPlace }: Part, acknowledged: Tree, found: Tree): keyof Outcome {
  const entries = [...after]
  if (entries.every(([path, thing]) => isSame(found.get(path), thing))) return 'done'
  if (entries.every(([path]) => isSame(found.get(path), acknowledged.get(path)))) return 'notDone'
  for (const [path, thing] of entries) {
    const [is, was] = [found.get(path), acknowledged.get(path)]
    const isGood = isInPlace && isBetween(is, was, thing)
    must(isGood, 'F1', () => `${path} is ${tell(is)}, neither ${tell(was)} nor ${tell(thing)}`)
  }
  return 'begun'
}

/**
 * F4: the next write in a directory removes the drafts of the dead, and nothing else. Does one in each that has such drafts.
 * Returns what is there then: what was there before but for drafts. Throws a Violation.
 */
export function checkSweep(base: string, drafts: readonly string[], kept: Tree): Tree {
  const handle = createHandle({ root: base, mode: 'prod' })
  for (const directory of new Set(drafts.map((draft) => dirname(draft)))) {
    const name = join(directory, 'swept')
    handle.writeSync(name, '')
    handle.deleteSync(name)
  }
  handle.close()
  const left = readTree(base)
  for (const path of left.keys()) must(kept.has(path), 'F4', () => `left behind: ${path}`)
  for (const [path, thing] of kept) must(isSame(left.get(path), thing), 'F4', () => `changed by the sweep: ${path}`)
  return left
}

function tell(thing: Thing | undefined): string {
  if (thing === undefined) return 'nothing'
  if (thing === 'directory') return 'a directory'
  const { content, mode } = thing
  return `${content.length} bytes, mode ${mode.toString(8)}, ${JSON.stringify(content.toString('latin1', 0, 20))}`
}
