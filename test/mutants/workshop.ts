import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import { type Judgement, judgeLibrary, judgeMutant } from './judge.js'
import type { Mutant } from './mutant.js'
import { isOfAddon, Tree } from './tree.js'
import type { Trial, Verdict } from './trial.js'

/** What came of one mutant, or of the library as it is. */
export interface Row extends Judgement {
  readonly name: string
  readonly breaks: string
  readonly seconds: number
}

/** How many are tried at the same time, each in a tree of its own. */
const BENCHES = 2

/** No trial takes nearly as long, on a busy machine neither. */
const TRIAL_MS_MAX = 600_000
/** The tests that must notice a hang take less than a second without it. */
const HANG_MS = 20_000

/** Tries mutants, two at a time. */
export class Workshop {
  readonly #firstSeed: number
  readonly #trees: Tree[] = []
  readonly #children = new Set<ChildProcess>()

  constructor(firstSeed: number) {
    this.#firstSeed = firstSeed
  }

  /** Tries the library as it is too, and the addon, and these mutants, in their order, and reports each when it is done. */
  async run(mutants: readonly Mutant[], report: (row: Row) => void): Promise<void> {
    const ofAddon = mutants.filter((mutant) => isOfAddon(mutant))
    const others = mutants.filter((mutant) => !isOfAddon(mutant))
    const waiting: ((tree: Tree) => Promise<Omit<Row, 'seconds'>>)[] = [
      (tree) => this.#tryOriginal(tree, 'the library as it is', others),
      ...mutants.map((mutant) => this.#trierOf(mutant)),
    ]
    if (ofAddon.length > 0) {
      waiting.splice(1, 0, (tree) => tree.withAddon(() => this.#tryOriginal(tree, 'the addon as it is', ofAddon)))
    }
    const work = async (): Promise<void> => {
      const tree = new Tree()
      this.#trees.push(tree)
      await tree.compile()
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const startedAt = performance.now()
        const row = await next(tree)
        report({ ...row, seconds: (performance.now() - startedAt) / 1000 })
      }
    }
    await Promise.all(Array.from({ length: Math.min(BENCHES, waiting.length) }, work))
  }

  /** Ends what is under way, and removes the trees. */
  close(): void {
    for (const child of this.#children) end(child)
    for (const tree of this.#trees) tree.remove()
  }

  /** What mutants are to fail at must be passed without them. */
  async #tryOriginal(tree: Tree, name: string, mutants: readonly Mutant[]): Promise<Omit<Row, 'seconds'>> {
    const seeds = Math.max(0, ...mutants.map(({ caughtBy }) => ('seeds' in caughtBy ? caughtBy.seeds : 0)))
    const tests = mutants.flatMap(({ caughtBy }) => ('test' in caughtBy ? [caughtBy] : []))
    const trial: Trial = { firstSeed: this.#firstSeed, seeds, tests }
    const judgement = await orError(async () => judgeLibrary(trial, await this.#try(tree, trial, TRIAL_MS_MAX)))
    return { name, breaks: '', ...judgement }
  }

  #trierOf(mutant: Mutant): (tree: Tree) => Promise<Omit<Row, 'seconds'>> {
    const { name, breaks, caughtBy } = mutant
    const trial: Trial =
      'seeds' in caughtBy
        ? { firstSeed: this.#firstSeed, seeds: caughtBy.seeds, tests: [] }
        : { firstSeed: this.#firstSeed, seeds: 0, tests: [caughtBy] }
    const msMax = 'hangs' in caughtBy ? HANG_MS : TRIAL_MS_MAX
    return async (tree) => {
      const judgement = await orError(() =>
        tree.with(mutant, async () => judgeMutant(mutant, await this.#try(tree, trial, msMax))),
      )
      return { name, breaks, ...judgement }
    }
  }

  /** Undefined if it has not come to an end in time. */
  async #try(tree: Tree, trial: Trial, msMax: number): Promise<Verdict | undefined> {
    const child = spawn(process.execPath, [join('build', 'test', 'mutants', 'trial.js'), JSON.stringify(trial)], {
      cwd: tree.path,
      // A group of its own, so that what it starts ends with it.
      detached: true,
      env: { ...process.env, FSYS_TEST_SEED: String(this.#firstSeed) },
    })
    this.#children.add(child)
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      end(child)
    }, msMax)
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const [code] = (await once(child, 'close')) as [number | null]
    clearTimeout(timer)
    this.#children.delete(child)
    if (isLate) return undefined
    if (stdout === '')
      throw new Error(`the trial ends with ${code} and without a verdict: ${stderr.trim().slice(-500)}`)
    return JSON.parse(stdout) as Verdict
  }
}

/** An edit that does not apply, or does not compile, or a trial that falls over: nothing is shown by that. */
async function orError(work: () => Promise<Judgement>): Promise<Judgement> {
  try {
    return await work()
  } catch (error) {
    return { isRight: false, what: `ERROR: ${(error as Error).message}` }
  }
}

/** It and all that it has started. */
function end(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}
