import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { nativeAddon } from '#src/platform/native-addon.js'

import { must } from '../../sim/model.js'
import type { LoopDisk } from '../../support/loop-disk.js'
import { seededRandom } from '../../support/random.js'
import { CutProcess, type Moment } from '../cut-process.js'
import type { Act } from '../handle-acts/act.js'
import { checkSweep, checkTree } from '../handle-acts/check-tree.js'
import { apply, isDraft, partsOf, readTree, type Tree } from '../handle-acts/tree.js'
import { DIRECTORIES } from './lanes.js'
import type { CutFault, CutMessage, CutPlan } from './plan.js'

const WRITER = fileURLToPath(new URL('writer.js', import.meta.url))

const HAS_ADDON = nativeAddon().addon !== undefined

/** Everything that a run came to. */
export interface HandleCutCounts {
  cuts: number
  /** How many lives had the addon. */
  withAddon: number
  /** How many acts of each kind were acknowledged. */
  acknowledged: Partial<Record<Act['kind'], number>>
  /** What was under way, and found done, not done, or begun. */
  done: number
  notDone: number
  begun: number
  drafts: number
}

/** Power cuts on one disk, one after the other, with the files in one of its directories. */
export class HandleCuts {
  readonly counts: HandleCutCounts = {
    cuts: 0,
    withAddon: 0,
    acknowledged: {},
    done: 0,
    notDone: 0,
    begun: 0,
    drafts: 0,
  }
  readonly #disk: LoopDisk
  /** Where the power never goes. */
  readonly #directory: string
  readonly #fault: CutFault | undefined
  readonly #random: () => number
  readonly #base: string
  /** All that must be there. */
  #tree: Tree
  /** What was asked for since, by lanes. */
  readonly #underWay = new Map<number, Act>()
  #version = 1

  constructor(disk: LoopDisk, directory: string, seed: number, fault?: CutFault) {
    this.#disk = disk
    this.#directory = directory
    this.#fault = fault
    this.#random = seededRandom(seed)
    this.#base = join(disk.path, fault === undefined ? 'files' : `${fault.act} without ${fault.leavesOut}`)
    for (const path of DIRECTORIES) mkdirSync(join(this.#base, path), { recursive: true })
    disk.sync()
    this.#tree = readTree(this.#base)
  }

  /** One life of a writer, a power cut, and a look at what is there. Throws a Violation. */
  async cycle(): Promise<void> {
    const random = this.#random
    const plan: CutPlan = {
      base: this.#base,
      seed: Math.floor(random() * 2 ** 31),
      method: (['data', 'sync', 'direct'] as const)[Math.floor(random() * 3)] ?? 'data',
      version: this.#version,
      ...(this.#fault !== undefined && { fault: this.#fault }),
    }
    // The addon replaces files by itself: it makes its syncs whatever the storage leaves out.
    const isPortable = this.#fault?.leavesOut === 'file-sync' || random() < 0.4
    if (!isPortable && HAS_ADDON) this.counts.withAddon++
    const environment: Record<string, string> = isPortable ? { FSYS_ENGINE: 'portable' } : {}
    const writer = new CutProcess<CutMessage>(WRITER, join(this.#directory, 'messages'), plan, environment)
    try {
      await writer.reach(this.#chooseMoment())
      await writer.freeze()
      this.#listen(writer.messages())
      this.#disk.cut(this.#fault === undefined && random() < 0.5 ? 'written' : 'lost')
    } finally {
      await writer.kill()
    }
    this.#disk.remount()
    this.counts.cuts++
    this.#check()
  }

  #chooseMoment(): Moment {
    const random = this.#random
    return this.#fault === undefined
      ? { messages: Math.floor(random() * 1000), delayMs: random() * 5 }
      : { messages: 0, delayMs: random() * 100 }
  }

  #listen(messages: readonly CutMessage[]): void {
    for (const message of messages) {
      if ('failed' in message) must(false, 'F1', () => `the writer has failed: ${message.failed}`)
      if (!('lane' in message)) continue
      if ('asked' in message) {
        this.#underWay.set(message.lane, message.asked)
        for (const { version } of textsOf(message.asked)) this.#version = Math.max(this.#version, version + 1)
        continue
      }
      const act = this.#underWay.get(message.lane) as Act
      this.#underWay.delete(message.lane)
      apply(this.#tree, partsOf(act, this.#tree))
      this.counts.acknowledged[act.kind] = (this.counts.acknowledged[act.kind] ?? 0) + 1
    }
  }

  #check(): void {
    const found = readTree(this.#base)
    const drafts = [...found.keys()].filter(isDraft)
    this.counts.drafts += drafts.length
    for (const draft of drafts) found.delete(draft)
    const { done, notDone, begun } = checkTree(this.#tree, [...this.#underWay.values()], found)
    this.counts.done += done
    this.counts.notDone += notDone
    this.counts.begun += begun
    this.#tree = checkSweep(this.#base, drafts, found)
    this.#underWay.clear()
  }
}

function textsOf(act: Act): { readonly version: number }[] {
  if ('acts' in act) return act.acts.flatMap((each) => textsOf(each))
  return 'text' in act ? [act.text] : []
}
