import { execFile } from 'node:child_process'
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { type Mutant, mutate } from './mutant.js'

/** The repository that these files were compiled in. */
export const REPOSITORY: string = fileURLToPath(new URL('../../..', import.meta.url))

/** What a tree is made of. Copies, not links: Node resolves `#src` and `fsys` from where a file really is. */
const COPIED = 'package.json tsconfig.base.json src kernel native scripts build/test'.split(' ')
/** And what tests compile. */
const SOURCES_OF_TESTS = ['test/native/checksum.c', 'test/crash/recorder/recorder.c']

/** What the kernel's source is compiled to. */
const KERNEL_BYTES = 'src/checksum/kernel-bytes.generated.ts'

/** What the addon's sources are compiled to. Only who is to be tried with the addon has it. */
const ADDONS = ['prebuilds', 'build/native']

/** Types are of no interest here, nor is what an editor or the next build would need. */
const QUICKLY = ['--noCheck', '--sourceMap', 'false', '--composite', 'false', '--incremental', 'false']
const NO_DECLARATIONS = ['--declaration', 'false', '--isolatedDeclarations', 'false']

/**
 * A second repository in a temporary directory, with the tests as they are compiled here, in which `#src` and `fsys` are
 * one mutant after the other.
 */
export class Tree {
  readonly path: string = realpathSync(mkdtempSync(join(tmpdir(), 'fsys-mutant-')))

  /** In it is no library yet: `compile` makes it. */
  constructor() {
    for (const name of [...COPIED, ...SOURCES_OF_TESTS]) {
      cpSync(join(REPOSITORY, name), join(this.path, name), { recursive: true, preserveTimestamps: true })
    }
    symlinkSync(join(REPOSITORY, 'node_modules'), join(this.path, 'node_modules'))
  }

  /** Calls back with the mutant in place of the library, and then puts the library back. */
  async with<Result>(mutant: Mutant, work: () => Promise<Result>): Promise<Result> {
    const path = join(this.path, mutant.file)
    const source = readFileSync(path, 'utf8')
    writeFileSync(path, mutate(source, mutant))
    try {
      return isOfAddon(mutant) ? await this.#withNative(work) : await this.#withCompiled(mutant, work)
    } finally {
      writeFileSync(path, source)
    }
  }

  /** Calls back with the addon, built from its sources as they are. */
  async withAddon<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      await this.#run('scripts/build-native.js')
      return await work()
    } finally {
      for (const name of ADDONS) rmSync(join(this.path, name), { recursive: true, force: true })
    }
  }

  #withNative<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.withAddon(async () => {
      if (ADDONS.every((name) => isSameIn(join(REPOSITORY, name), join(this.path, name)))) throw unchanged()
      return await work()
    })
  }

  async #withCompiled<Result>({ file }: Mutant, work: () => Promise<Result>): Promise<Result> {
    const isKernel = file.startsWith('kernel/')
    const compiledPath = join(this.path, compiledName(isKernel ? KERNEL_BYTES : file))
    const compiled = readFileSync(compiledPath, 'utf8')
    try {
      if (isKernel) await this.#run('scripts/build-kernel.js')
      await this.compile()
      if (readFileSync(compiledPath, 'utf8') === compiled) throw unchanged()
      return await work()
    } finally {
      if (isKernel) cpSync(join(REPOSITORY, KERNEL_BYTES), join(this.path, KERNEL_BYTES))
      writeFileSync(compiledPath, compiled)
    }
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }

  async compile(): Promise<void> {
    await this.#run('node_modules/typescript/bin/tsc', '-p', 'src', ...QUICKLY, ...NO_DECLARATIONS)
  }

  async #run(...words: readonly string[]): Promise<void> {
    try {
      // Where no addon can be built, that is an error here.
      const env = { ...process.env, FSYS_TESTS_MUST_RUN: '1' }
      await promisify(execFile)(process.execPath, words, { cwd: this.path, env })
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string }
      throw new Error(`it cannot be compiled: ${stdout}${stderr}`, { cause: error })
    }
  }
}

/** `dist/lsn.js` for `src/lsn.ts`. */
function compiledName(source: string): string {
  return source.replace(/^src/u, 'dist').replace(/ts$/u, 'js')
}

/** Whether it is a fault in the native addon, and not in what is written in TypeScript. */
export function isOfAddon({ file }: Pick<Mutant, 'file'>): boolean {
  return file.startsWith('native/')
}

/** Whether what one directory holds is in the other as well, to the byte. */
function isSameIn(one: string, other: string): boolean {
  return readdirSync(other, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .every((entry) => {
      const path = join(entry.parentPath, entry.name)
      return readFileSync(path).equals(readFileSync(join(one, relative(other, path))))
    })
}

function unchanged(): Error {
  return new Error('the edit changes nothing that is executed')
}
