import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { type Mutant, mutate } from './mutant.js'

/** The repository that these files were compiled in. */
export const REPOSITORY: string = fileURLToPath(new URL('../../..', import.meta.url))

/** What a tree is made of. Copies, not links: Node resolves `#src` and `fsys` from where a file really is. */
const COPIED = ['package.json', 'tsconfig.base.json', 'src', 'kernel', 'scripts', 'build/test']

/** What the kernel's source is compiled to. */
const KERNEL_BYTES = 'src/checksum/kernel-bytes.generated.ts'

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
    for (const name of COPIED) {
      cpSync(join(REPOSITORY, name), join(this.path, name), { recursive: true, preserveTimestamps: true })
    }
    symlinkSync(join(REPOSITORY, 'node_modules'), join(this.path, 'node_modules'))
  }

  /** Calls back with the mutant in place of the library, and then puts the library back. */
  async with<Result>(mutant: Mutant, work: () => Promise<Result>): Promise<Result> {
    const isKernel = mutant.file.startsWith('kernel/')
    const path = join(this.path, mutant.file)
    const compiledPath = join(this.path, compiledName(isKernel ? KERNEL_BYTES : mutant.file))
    const source = readFileSync(path, 'utf8')
    const compiled = readFileSync(compiledPath, 'utf8')
    writeFileSync(path, mutate(source, mutant))
    try {
      if (isKernel) await this.#run('scripts/build-kernel.js')
      await this.compile()
      if (readFileSync(compiledPath, 'utf8') === compiled) throw new Error('the edit changes nothing that is executed')
      return await work()
    } finally {
      writeFileSync(path, source)
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
      await promisify(execFile)(process.execPath, words, { cwd: this.path })
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
