import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { nodeStorage } from '#src/storage/node-storage.js'

import type { Variant } from './variant.js'

/** Why calls cannot be recorded here; undefined where they can. */
export function whyNoRecorder(): string | undefined {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    return 'the recorder is for Linux on 64 bits'
  }
  return spawnSync('gcc', ['--version']).status === 0 ? undefined : 'there is no gcc to build the recorder with'
}

/** Where the files of many short runs go: in memory, where there is a file system that keeps birth times. The caller removes it. */
export function makeQuickDirectory(): string {
  const isInMemory = (nodeStorage.statSync(MEMORY)?.birthTime ?? 0n) !== 0n
  return realpathSync(mkdtempSync(join(isInMemory ? MEMORY : tmpdir(), 'fsys-test-')))
}

const MEMORY = '/dev/shm'

/** For scripts: runs something with the library, in a directory that is removed when it is over. */
export async function withRecorder(run: (library: string, directory: string) => Promise<void>): Promise<void> {
  const reason = whyNoRecorder()
  if (reason !== undefined) throw new Error(reason)
  const directory = makeQuickDirectory()
  try {
    await run(buildRecorder(directory), directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Builds the library in this directory, and returns where it is. */
export function buildRecorder(directory: string): string {
  const library = join(directory, 'recorder.so')
  execFileSync('gcc', [...GCC_OPTIONS, '-o', library, SOURCE])
  return library
}

// From build/test/crash/recorder, where this runs, to where the source stands.
const SOURCE = fileURLToPath(new URL('../../../../test/crash/recorder/recorder.c', import.meta.url))

const GCC_OPTIONS =
  '-std=c11 -D_GNU_SOURCE -O2 -fPIC -shared -pthread -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror'.split(' ')

/** One process that is to be recorded. */
export class Recording {
  /** What happens below it is recorded. */
  readonly root: string
  readonly log: string
  readonly #library: string
  readonly #engine: Variant['engine']
  readonly #fault: string | undefined

  /** Makes the root, in a directory without links in its path. The fault is there from the beginning on (faults.ts). */
  constructor(library: string, directory: string, name: string, { engine }: Pick<Variant, 'engine'>, fault?: string) {
    this.#library = library
    this.#engine = engine
    this.#fault = fault
    this.root = join(directory, name)
    this.log = join(directory, `log-of-${name}`)
    mkdirSync(this.root)
  }

  /** What must be added to the process's environment. */
  get environment(): Record<string, string> {
    return {
      FSYS_ENGINE: this.#engine,
      LD_PRELOAD: this.#library,
      FSYS_RECORDER_ROOT: this.root,
      FSYS_RECORDER_LOG: this.log,
      ...(this.#fault === undefined ? {} : { FSYS_RECORDER_FAULT: this.#fault }),
      // The library does not hear io_uring, with which libuv makes file system calls where this says so.
      UV_USE_IO_URING: '0',
    }
  }
}

/** The program that does the workload: `<root> <seed> <cached|direct> [<pause in ms> <small groups> [hasty]]`. */
export const childPath: string = fileURLToPath(new URL('child.js', import.meta.url))
