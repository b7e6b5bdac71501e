import { mkdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

import { must } from '../../sim/model.js'
import type { Act } from '../handle-acts/act.js'
import { checkSweep, checkTree } from '../handle-acts/check-tree.js'
import { apply, isDraft, partsOf, type Thing, type Tree, writeTree } from '../handle-acts/tree.js'
import type { CrashState } from './crash-state.js'
import { historyOf } from './history.js'
import type { Log, Note } from './log.js'
import { recordProgram, type StateJudge } from './states.js'
import type { Variant } from './variant.js'

/** The directories that are there before the first batch. */
export const DIRECTORIES: readonly string[] = ['d', 'e']

export const batchChildPath: string = fileURLToPath(new URL('batch-child.js', import.meta.url))

/** The root of a recording, and what was done below it. */
export interface RecordedBatches {
  readonly root: string
  readonly log: Log
}

/** Runs batches in a process of its own and returns what that did. */
export async function recordBatches(
  library: string,
  directory: string,
  seed: number,
  engine: Variant['engine'],
): Promise<RecordedBatches> {
  return await recordProgram(library, directory, `batches-${seed}`, { engine }, (root) => {
    for (const name of DIRECTORIES) mkdirSync(join(root, name))
    return [batchChildPath, root, String(seed)]
  })
}

/** Whether batches keep what they promise: F1, F2, F3 and F4. */
export function judgeOfBatches({ root, log }: RecordedBatches, directory: string): StateJudge {
  const targets = targetsOfDrafts(log, root)
  const base = join(directory, 'state')
  return {
    expectedAt: (at) => log.notes.filter((note) => note.at < at && note.text === 'done').length,
    check(state, { at }) {
      const { tree, underWay } = expectedOf(log.notes, at)
      const found = treeOf(state, root)
      const drafts = [...found.keys()].filter(isDraft)
      checkDrafts(drafts, found, targets, tree, underWay)
      if (drafts.length > 0) writeTree(base, found)
      for (const draft of drafts) found.delete(draft)
      checkTree(tree, underWay, found)
      if (drafts.length > 0) checkSweep(base, drafts, found)
      return Promise.resolve()
    },
  }
}

/** What must be there, and what may be, by what was said before an entry of the log. */
function expectedOf(
  notes: readonly Note[],
  before: number,
): { readonly tree: Tree; readonly underWay: readonly Act[] } {
  const tree: Tree = new Map(DIRECTORIES.map((name) => [name, 'directory']))
  let underWay: readonly Act[] = []
  for (const { at, text } of notes) {
    if (at >= before) break
    if (text !== 'done') underWay = [JSON.parse(text) as Act]
    else {
      for (const act of underWay) apply(tree, partsOf(act, tree))
      underWay = []
    }
  }
  return { tree, underWay }
}

function treeOf(state: CrashState, root: string): Tree {
  const tree: Tree = new Map(DIRECTORIES.map((name) => [name, 'directory']))
  for (const [path, { bytes, permissions }] of state) {
    tree.set(relative(root, path), { content: bytes, mode: permissions })
  }
  return tree
}

/** What each draft was to become. */
function targetsOfDrafts(log: Log, root: string): ReadonlyMap<string, string> {
  const moves = historyOf(log).moves.flatMap(({ names: [from, to] }) => (from && to ? [[from[0], to[0]] as const] : []))
  return new Map(moves.map(([from, to]) => [relative(root, from), relative(root, to)]))
}

/** F3: nobody can read a draft whom the file that it is to be keeps out. */
function checkDrafts(
  drafts: readonly string[],
  found: Tree,
  targets: ReadonlyMap<string, string>,
  tree: Tree,
  underWay: readonly Act[],
): void {
  const becoming = new Map(underWay.flatMap((act) => partsOf(act, tree).flatMap(({ after }) => Array.from(after))))
  for (const draft of drafts) {
    const [thing, target] = [found.get(draft), becoming.get(targets.get(draft) as string)]
    must(typeof target === 'object', 'F4', () => `a draft that nobody is writing: ${draft}`)
    const more = modeOf(thing) & ~modeOf(target)
    must(more === 0, 'F3', () => `${draft} can be read by more than ${targets.get(draft)}: ${more.toString(8)}`)
  }
}

function modeOf(thing: Thing | undefined): number {
  return typeof thing === 'object' ? thing.mode : 0
}
