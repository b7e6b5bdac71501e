import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { createHandle } from 'fsys'

import { must, Violation } from '../sim/model.js'
import { enterOwnMounts } from '../support/enter-own-mounts.js'
import { type DiskFileSystem, type LoopDisk, provideDisk } from '../support/loop-disk.js'
import { seededRandom } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary.js'
import { CutProcess } from './cut-process.js'
import { CUT_FILES, type CutFault, type CutMessage, type CutPlan, versionOf } from './handle-cuts-messages.js'

enterOwnMounts()

const WRITER = fileURLToPath(new URL('handle-cuts-writer.js', import.meta.url))
const SEED = Number(process.env['FSYS_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** More of it: FSYS_CUT_CYCLES=100. */
const CYCLES = Number(process.env['FSYS_CUT_CYCLES'] ?? 4)
/** ext4 hides the other one: it writes out what is renamed over something else. */
const FOUND_ON: Readonly<Record<'ext4' | 'xfs', readonly CutFault[]>> = {
  ext4: ['no-directory-sync'],
  xfs: ['no-directory-sync', 'no-file-sync'],
}

/** So many are enough to find a writer at fault. */
const FAULTY_CYCLES = 12

suite(
  'power cuts on real file systems: a file that is replaced is old or new, and what was acknowledged is new',
  () => {
    for (const kind of ['ext4', 'xfs'] as const satisfies readonly DiskFileSystem[]) {
      test(kind, { timeout: 300_000 }, async (context) => {
        const disk = provideDisk(context, kind)
        if (disk === undefined) return
        const cuts = new Cuts(disk, temporaryDirectory(context))
        for (let cycle = 0; cycle < CYCLES; cycle++) await cuts.cycle()
        context.diagnostic(`seed ${SEED}: ${JSON.stringify(cuts.counts)}`)
        assert.ok(cuts.counts.acknowledged > 0)
      })

      for (const fault of FOUND_ON[kind]) {
        test(`${kind}: a writer with ${fault} is found out`, { timeout: 300_000 }, async (context) => {
          const disk = provideDisk(context, kind)
          if (disk === undefined) return
          const cuts = new Cuts(disk, temporaryDirectory(context), fault)
          await assert.rejects(
            async () => {
              for (let cycle = 0; cycle < FAULTY_CYCLES; cycle++) await cuts.cycle()
            },
            (error) => error instanceof Violation && /^F[12]:/u.test(error.message),
          )
          context.diagnostic(`seed ${SEED}: ${JSON.stringify(cuts.counts)}`)
        })
      }
    }
  },
)

/** The versions of a file: what may be found of it. */
interface Standing {
  /** The last one that was acknowledged, or found after the last cut; undefined: the file need not be there. */
  least: number | undefined
  /** Those that were asked for since. */
  asked: number[]
}

class Cuts {
  readonly counts = { cuts: 0, acknowledged: 0, overtaken: 0, drafts: 0 }
  readonly #disk: LoopDisk
  readonly #directory: string
  readonly #fault: CutFault | undefined
  readonly #random = seededRandom(SEED)
  readonly #files = new Map<string, Standing>(CUT_FILES.map((file) => [file, { least: undefined, asked: [] }]))
  readonly #base: string
  #version = 1

  constructor(disk: LoopDisk, directory: string, fault?: CutFault) {
    this.#disk = disk
    this.#directory = directory
    this.#fault = fault
    this.#base = join(disk.path, 'files')
    mkdirSync(this.#base)
    mkdirSync(join(this.#base, 'd'))
    disk.sync()
  }

  async cycle(): Promise<void> {
    const random = this.#random
    const plan: CutPlan = {
      base: this.#base,
      seed: Math.floor(random() * 2 ** 31),
      method: (['data', 'sync', 'direct'] as const)[Math.floor(random() * 3)] ?? 'data',
      version: this.#version,
      // A sync of one file makes up for what was left out for another.
      files: this.#fault === undefined ? CUT_FILES : CUT_FILES.slice(0, 1),
      ...(this.#fault !== undefined && { fault: this.#fault }),
    }
    const writer = new CutProcess<CutMessage>(WRITER, join(this.#directory, 'messages'), plan)
    try {
      await writer.reach({ messages: Math.floor(random() * 100), delayMs: random() * 5 })
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

  #listen(messages: readonly CutMessage[]): void {
    for (const message of messages) {
      if ('failed' in message) must(false, 'F1', () => `the writer has failed: ${message.failed}`)
      if (!('file' in message)) continue
      const standing = this.#files.get(message.file) as Standing
      if ('asked' in message) {
        standing.asked.push(message.asked)
        this.#version = Math.max(this.#version, message.asked + 1)
      } else {
        standing.least = message.done
        this.counts.acknowledged++
      }
    }
  }

  #check(): void {
    this.counts.drafts += this.#names().filter((name) => name.includes('.fsys-draft-')).length
    for (const [file, standing] of this.#files) {
      const { least, asked } = standing
      const content = contentAt(join(this.#base, file))
      const found = content && versionOf(content)
      must(content === undefined || found !== undefined, 'F1', () => `${file} holds no version whole`)
      must((found ?? -1) >= (least ?? -1), 'F2', () => `${file} has version ${found}, and ${least} was acknowledged`)
      must(
        found === undefined || found === least || asked.includes(found),
        'F1',
        () => `nobody wrote ${found} to ${file}`,
      )
      if (found !== undefined && found > (least ?? -1)) this.counts.overtaken++
      standing.least = found
      standing.asked = []
    }
    // Another boot it is not, as far as drafts can tell; but their writer is gone.
    const handle = createHandle({ root: this.#base, mode: 'prod' })
    for (const name of ['swept', 'd/swept']) {
      handle.writeSync(name, '')
      handle.deleteSync(name)
    }
    handle.close()
    const left = this.#names().filter((name) => name !== 'd' && !CUT_FILES.includes(name))
    must(left.length === 0, 'F4', () => `left behind: ${left.join(', ')}`)
  }

  #names(): string[] {
    return readdirSync(this.#base, { recursive: true }).map(String)
  }
}

function contentAt(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}
