import type { Act, SingleAct } from '../handle-acts/act.js'
import { textBytes, type Text } from '../handle-acts/act.js'
import type { Thing, Tree } from '../handle-acts/tree.js'

/** What a process does, one act after the other, until it is killed. */
export interface Script {
  /** What is there before. */
  readonly before: Tree
  readonly acts: readonly Act[]
}

let version = 1

const text = (length: number): Text => ({ version: version++, length })

const file = (length: number, mode: number): Thing => ({ content: textBytes(text(length)), mode })

const write = (path: string, length: number, mode = 0o666): SingleAct => ({
  kind: 'write',
  path,
  text: text(length),
  mode,
})

const files: Script = {
  before: new Map([
    ['a', file(3000, 0o600)],
    ['b', file(3000, 0o640)],
    ['d', 'directory'],
    ['d/e', file(3000, 0o600)],
  ]),
  acts: [
    write('a', 80_000),
    { kind: 'writeCopy', path: 'b', text: text(80_000), mode: 0o666 },
    write('c', 5000, 0o640),
    { kind: 'copy', path: 'a', to: 'd/new' },
    { kind: 'copy', path: 'b', to: 'd/e' },
    { kind: 'rename', path: 'c', to: 'd/c' },
    { kind: 'rename', path: 'd/c', to: 'a' },
    { kind: 'delete', path: 'b' },
  ],
}

const inPlace: Script = {
  before: new Map([['a', file(5000, 0o600)]]),
  acts: [
    { kind: 'append', path: 'a', text: text(700), mode: 0o666 },
    { kind: 'append', path: 'new', text: text(700), mode: 0o640 },
    { kind: 'writeAt', path: 'a', offset: 100, text: text(40_000) },
    { kind: 'punchHole', path: 'a', offset: 3000, length: 20_000 },
    { kind: 'truncate', path: 'a', size: 30_000 },
    { kind: 'truncate', path: 'a', size: 90_000 },
    // In several pieces: it can be found begun.
    { kind: 'writeZeros', path: 'a', offset: 100, length: 600_000 },
  ],
}

const directories: Script = {
  before: new Map([
    ['t', 'directory'],
    ['t/1', file(40, 0o600)],
    ['t/a', 'directory'],
    ['t/a/2', file(40, 0o644)],
    ['t/a/b', 'directory'],
    ['t/a/b/3', file(40, 0o644)],
    ['t/c', 'directory'],
  ]),
  acts: [
    { kind: 'mkdir', path: 'm' },
    { kind: 'mkdirAll', path: 'm/p/q/r' },
    write('m/p/q/file', 40),
    { kind: 'rmdir', path: 'm/p/q/r' },
    { kind: 'rmdirAll', path: 't' },
    { kind: 'rmdirAll', path: 'm' },
  ],
}

/** Of two directories; files that are there, one of them private, and new ones. */
function batches(grouped: boolean): Script {
  const old = ['a', 'b', 'c', 'e', 'd/a', 'd/b', 'd/c', 'd/e']
  return {
    before: new Map<string, Thing>([
      ['d', 'directory'],
      ...old.map((path): [string, Thing] => [path, file(300, path === 'a' ? 0o600 : 0o644)]),
    ]),
    acts: [
      {
        kind: 'writeBatch',
        grouped,
        // The last is too large to be replaced in one trip with others.
        acts: [...['a', 'b', 'd/a', 'd/b', 'new', 'd/new'].map((path) => write(path, 700)), write('d/large', 100_000)],
      },
      {
        kind: 'copyBatch',
        grouped,
        acts: [
          { kind: 'copy', path: 'a', to: 'd/copied' },
          { kind: 'copy', path: 'b', to: 'd/e' },
          { kind: 'copy', path: 'd/large', to: 'copied' },
        ],
      },
      {
        kind: 'batch',
        grouped,
        acts: [
          write('a', 900),
          write('d/made', 900, 0o640),
          { kind: 'rename', path: 'c', to: 'd/moved' },
          { kind: 'copy', path: 'b', to: 'e' },
          { kind: 'delete', path: 'd/c' },
        ],
      },
      {
        kind: 'deleteBatch',
        grouped,
        acts: ['a', 'd/a', 'new', 'd/large'].map((path) => ({ kind: 'delete', path })),
      },
    ],
  }
}

/** All calls that change something. */
export const SCRIPTS = {
  files,
  'changes in place': inPlace,
  directories,
  'batches, grouped': batches(true),
  'batches, one by one': batches(false),
} as const satisfies Readonly<Record<string, Script>>

export type ScriptName = keyof typeof SCRIPTS
