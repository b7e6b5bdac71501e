import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Random } from '#src/storage/sim/random.js'

import { type Failure, type Result, runCampaign, sum } from './campaign.js'
import { encodeCase, readCase } from './case-file.js'
import { CliSurface } from './cli-surface.js'
import { caseFiles, readBases, readCorpus } from './corpus.js'
import type { Input } from './input.js'
import { largeSurface } from './large-surface.js'
import { minimise } from './minimise.js'
import { runCase } from './run-case.js'
import { type Surface, Tally } from './surface.js'
import { MEMORY_SURFACES, surfaceOf } from './surfaces.js'
import type { Tallies } from './worker.js'

/** What runs in this thread, on top of the cases in memory: some, and more for each million of those. */
const SLOW_SURFACES: readonly { readonly name: string; readonly least: number; readonly perMillion: number }[] = [
  { name: 'cli', least: 150, perMillion: 700 },
  { name: 'large', least: 30, perMillion: 20 },
]
/** How many of the commands run as a process of their own. */
const SPAWN_CHANCE = 1 / 20

export interface Fuzzed {
  readonly tallies: Tallies
  /** What failed, each with the file that repeats it. */
  readonly failures: readonly string[]
}

/** Runs cases in all threads and, meanwhile, slow ones in this one. What fails is minimised and kept. */
export async function fuzz(firstSeed: number, cases: number, only?: string): Promise<Fuzzed> {
  const isSlow = SLOW_SURFACES.some(({ name }) => name === only)
  const [inMemory, slow] = await Promise.all([
    isSlow ? NOTHING : runCampaign({ firstSeed, cases, surface: only }),
    runSlow(firstSeed, (name, { least, perMillion }) => {
      if (only !== undefined) return name === only ? cases : 0
      return least + Math.ceil((cases * perMillion) / 1e6)
    }),
  ])
  const failures: string[] = []
  for (const failure of [...inMemory.failures, ...slow.failures]) failures.push(await keep(failure))
  return { tallies: sum([inMemory.tallies, slow.tallies]), failures }
}

const NOTHING: Result = { tallies: new Map(), failures: [] }

/** What a run of many cases should have reached and has not. */
export function missedGoals(tallies: Tallies): string[] {
  return [...MEMORY_SURFACES, largeSurface, new CliSurface('', 0)].flatMap(({ name, goals }) =>
    goals.filter((goal) => !tallies.get(name)?.has(goal)).map((goal) => `${name}: ${goal}`),
  )
}

/** Each file of the corpus, with many choices, and each case that once failed. Returns how many cases that were. */
export async function replayCorpus(choicesEach: number): Promise<number> {
  let cases = 0
  for (const { path, bytes, mark } of readCorpus()) cases += await replayJournal(path, bytes, mark, choicesEach)
  for (const path of caseFiles()) {
    await replayCase(path)
    cases++
  }
  return cases
}

export async function replayCase(path: string): Promise<void> {
  const { surface, input } = readCase(path)
  await withSurfaces(async (surfaces) => {
    const found = surfaces.find(({ name }) => name === surface)
    if (found === undefined) throw new Error(`${path}: there is no surface ${JSON.stringify(surface)}`)
    await runCase(found, input, new Tally())
  })
}

/** One journal on every surface that takes one. */
export async function replayJournal(
  path: string,
  journal: Buffer,
  mark: Buffer | undefined,
  choicesEach: number,
): Promise<number> {
  const beside: Input['beside'] = mark === undefined ? {} : { '.mark': mark }
  const surfaces = MEMORY_SURFACES.filter(({ name }) => ['reader', 'recovery', 'reset'].includes(name))
  for (const surface of surfaces) {
    for (let choices = 0; choices < choicesEach; choices++) {
      try {
        await runCase(surface, { journal, beside, choices }, new Tally())
      } catch (error) {
        throw new Error(`${path} on ${surface.name}, choices ${choices}`, { cause: error })
      }
    }
  }
  return surfaces.length * choicesEach
}

async function runSlow(
  firstSeed: number,
  casesOf: (name: string, surface: (typeof SLOW_SURFACES)[number]) => number,
): Promise<Result> {
  const bases = readBases()
  const tallies = new Map<string, Tally['counts']>()
  const failures: Failure[] = []
  await withSurfaces(async (surfaces) => {
    for (const slow of SLOW_SURFACES) {
      const surface = surfaces.find(({ name }) => name === slow.name) as Surface
      const tally = new Tally()
      tallies.set(surface.name, tally.counts)
      const end = firstSeed + casesOf(slow.name, slow)
      for (let seed = firstSeed; seed < end && failures.length === 0; seed++) {
        try {
          await runCase(surface, surface.make(new Random(seed), bases), tally)
        } catch (error) {
          failures.push({ seed, surface: surface.name, message: String((error as Error).stack) })
        }
      }
    }
  })
  return { tallies, failures }
}

/** Where syncs cost nothing, if there is such a place. */
const MEMORY_FOLDER = '/dev/shm'

async function withSurfaces(use: (surfaces: readonly Surface[]) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(existsSync(MEMORY_FOLDER) ? MEMORY_FOLDER : tmpdir(), 'fsys-fuzz-'))
  try {
    await use([...MEMORY_SURFACES, largeSurface, new CliSurface(join(directory, 'files'), SPAWN_CHANCE)])
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Where cases that fail are kept. */
const FOLDER = join('build', 'fuzz')

async function keep({ seed, surface: name, message }: Failure): Promise<string> {
  let path = ''
  await withSurfaces(async (surfaces) => {
    const surface = surfaces.find((candidate) => candidate.name === name) ?? surfaceOf(seed)
    const input = surface.make(new Random(seed), readBases())
    const isEndless = message.startsWith('it does not end')
    const smallest = isEndless ? input : await minimise(surface, input)
    path = join(FOLDER, `${surface.name}-${seed}.json`)
    mkdirSync(FOLDER, { recursive: true })
    writeFileSync(path, encodeCase({ surface: surface.name, what: message.split('\n', 1)[0] ?? '', input: smallest }))
  })
  return `${message}\n  seed ${seed}; repeat the smallest case that fails: npm run fuzz -- --file ${path}`
}
