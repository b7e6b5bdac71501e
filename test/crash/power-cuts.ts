// npm run cuts: power cuts on real file systems, for as long as you like.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { Violation } from '../sim/model.js'
import { enterOwnMounts } from '../support/enter-own-mounts.js'
import { command, type DiskFileSystem, LoopDisk } from '../support/loop-disk.js'
import { HandleCuts } from './handle-cuts/handle-cuts.js'
import { ACTS } from './handle-cuts/lanes.js'
import type { CutFault } from './handle-cuts/plan.js'
import type { WriterFault } from './power-cuts-messages.js'
import { PowerCuts } from './power-cuts-run.js'

const HELP = `usage: npm run cuts -- [--of journals|files] [--fs ext4|xfs] [--cycles N] [--seed S] [--images DIR] [--fault F]

  --of WHAT       of journals, or of files and directories that a handle changes, only (default: both)
  --fs ext4|xfs   on this file system only (default: on both, one after the other)
  --cycles N      how many power cuts on each (default 30)
  --seed S        what is written, and where the cuts are to come (default: random, printed); the machine decides the rest
  --images DIR    where the disks' images are (default: in memory)
  --fault F       a fault in the writer of journals that must be noticed: unsynced; or one that these file systems hide:
                  no-directory-sync. Of files: each call in turn without the syncs of directories, and without those of
                  files, and which of them are noticed: all

It takes a superuser on Linux, xfsprogs, and e2fsprogs.`

/** Nothing was found out: there can be no disks here. */
const EXIT_UNAVAILABLE = 77

const { values } = parseArgs({
  options: {
    of: { type: 'string' },
    fs: { type: 'string' },
    cycles: { type: 'string', default: '30' },
    seed: { type: 'string' },
    images: { type: 'string' },
    fault: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

function unavailable(error: unknown): number {
  console.error(`no power cuts here: ${(error as Error).message}`)
  return EXIT_UNAVAILABLE
}

const KINDS: readonly DiskFileSystem[] = ['ext4', 'xfs']

/** What is cut: makes that on a disk, given a directory where the power never goes. */
type Cut = (disk: LoopDisk, directory: string, seed: number) => Promise<number>

const CUTS: Readonly<Record<string, Cut>> = {
  journals: (disk, directory, seed) =>
    cutAgainAndAgain(
      disk,
      seed,
      new PowerCuts(disk, directory, seed, values.fault as WriterFault | undefined),
      'journals',
    ),
  files: (disk, directory, seed) =>
    values.fault === undefined
      ? cutAgainAndAgain(disk, seed, new HandleCuts(disk, directory, seed), 'files')
      : tryFaults(disk, directory, seed),
}

async function main(): Promise<number> {
  const kinds = KINDS.filter((kind) => values.fs === undefined || values.fs === kind)
  const cuts = Object.entries(CUTS).filter(([name]) => values.of === undefined || values.of === name)
  const isFaultOfBoth = values.fault !== undefined && values.of === undefined
  if (values.help || kinds.length === 0 || cuts.length === 0 || isFaultOfBoth) {
    console.log(HELP)
    return values.help ? 0 : 64
  }
  if (process.getuid?.() !== 0) return unavailable(new Error('that takes a superuser on Linux'))
  enterOwnMounts()
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
  for (const [, cut] of cuts) {
    for (const kind of kinds) {
      const exitCode = await runOn(kind, cut, seed)
      if (exitCode !== 0) return exitCode
    }
  }
  return 0
}

async function runOn(kind: DiskFileSystem, cut: Cut, seed: number): Promise<number> {
  const directory = mkdtempSync(join(values.images ?? tmpdir(), 'fsys-cuts-'))
  let disk: LoopDisk | undefined
  try {
    if (values.images === undefined) command('mount', '-t', 'tmpfs', '-o', 'size=1g', 'tmpfs', directory)
    disk = new LoopDisk(directory, kind)
    disk.mount()
  } catch (error) {
    rmSync(directory, { recursive: true })
    return unavailable(error)
  }
  try {
    return await cut(disk, directory, seed)
  } finally {
    disk.dispose()
    if (values.images === undefined) command('umount', '--lazy', directory)
    rmSync(directory, { recursive: true, force: true })
  }
}

async function cutAgainAndAgain(
  disk: LoopDisk,
  seed: number,
  cuts: PowerCuts | HandleCuts,
  what: string,
): Promise<number> {
  const startedAt = performance.now()
  const repeat = `--of ${what} --fs ${disk.fileSystem} --cycles ${values.cycles} --seed ${seed}`
  try {
    for (let cycle = 0; cycle < Number(values.cycles); cycle++) await cuts.cycle()
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    console.error(`power cut ${cuts.counts.cuts} on ${disk.fileSystem}: ${error.message}`)
    console.error(`(about the same again: npm run cuts -- ${repeat})`)
    if (values.fault === undefined) console.error(`what is there: ${keep(disk)}`)
    return 1
  }
  const { cuts: count } = cuts.counts
  const seconds = ((performance.now() - startedAt) / 1000 / count).toFixed(2)
  console.log(`${repeat}: nothing that was confirmed was lost; ${seconds} s a cut; ${JSON.stringify(cuts.counts)}`)
  return 0
}

/** Each fault that there can be in a writer of files: by which cut it is noticed. */
async function tryFaults(disk: LoopDisk, directory: string, seed: number): Promise<number> {
  for (const act of ACTS) {
    for (const leavesOut of ['directory-sync', 'file-sync'] as const) {
      console.log(
        `${disk.fileSystem}, ${act} without ${leavesOut}: ${await tryFault(disk, directory, seed, { act, leavesOut })}`,
      )
    }
  }
  return 0
}

async function tryFault(disk: LoopDisk, directory: string, seed: number, fault: CutFault): Promise<string> {
  const cuts = new HandleCuts(disk, directory, seed, fault)
  try {
    for (let cycle = 0; cycle < Number(values.cycles); cycle++) await cuts.cycle()
  } catch (error) {
    if (error instanceof Violation) return `noticed by cut ${cuts.counts.cuts}: ${error.message}`
    throw error
  }
  return `not noticed in ${cuts.counts.cuts} cuts`
}

/** A copy of what the file system holds, for somebody to look at. */
function keep(disk: LoopDisk): string {
  const directory = mkdtempSync(join(tmpdir(), 'fsys-cut-kept-'))
  cpSync(disk.path, directory, { recursive: true })
  return directory
}

process.exitCode = await main()
