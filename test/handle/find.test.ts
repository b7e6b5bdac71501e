import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'

import fc from 'fast-check'
import picomatch from 'picomatch'

import { parseGlob } from '#src/handle/glob.js'
import { createHandle, type Handle } from '#src/handle/handle.js'
import { SimDisk } from '#src/testing.js'

import { realWorld } from './worlds.js'

/** A disk with these files, and the directories that they need. */
function handleOn(
  files: readonly string[],
  links: Readonly<Record<string, string>> = {},
): { handle: Handle; disk: SimDisk } {
  const disk = new SimDisk()
  disk.makeDirectory('/base')
  const storage = disk.process()
  const handle = createHandle({ storage, root: '/base', mode: 'prod' })
  for (const path of files) {
    if (path.includes('/')) handle.mkdirAllSync(path.slice(0, path.lastIndexOf('/')))
    if (!path.endsWith('/')) storage.openSync(join('/base', path), 'create').closeSync()
  }
  for (const [path, target] of Object.entries(links)) disk.symlink(target, join('/base', path))
  return { handle, disk }
}

function found(handle: Handle, pattern: string, options?: Parameters<Handle['find']>[1]): string[] {
  return Array.from(handle.find(pattern, options), ({ path }) => path).toSorted()
}

const FILES = ['a.json', 'b.txt', '.hidden', 'logs/1.log', 'logs/old/2.log', 'logs/.x/3.log', 'src/x/y/z.ts', 'A.JSON']

test('find: a pattern that is not well-formed is refused, also where a shell would take it as it stands', () => {
  const { handle } = handleOn(['[', 'a[1', '{', '(1'])
  for (const pattern of ['[', 'a[1', '*[', 'a/[', '{', '{a,b', '(1', '!(a', '1)', '[z-a]', 'a\\']) {
    assert.throws(() => handle.find(pattern), { code: 'ERR_FSYS_INVALID_ARGUMENT', name: 'TypeError' }, pattern)
  }
  assert.deepEqual(found(handle, '\\['), ['['])
  assert.deepEqual(found(handle, 'a\\[1'), ['a[1'])
  assert.deepEqual(found(handle, '*\\{'), ['{'])
  assert.deepEqual(found(handle, '[(]1'), ['(1'])
})

test('find: wildcards within a name, and over directories', () => {
  const { handle } = handleOn(FILES, { link: 'logs' })
  const expected: Readonly<Record<string, readonly string[]>> = {
    '*.json': ['a.json'],
    '*': ['A.JSON', 'a.json', 'b.txt', 'link', 'logs', 'src'],
    '*/': ['logs', 'src'],
    '**/*.log': ['logs/1.log', 'logs/old/2.log'],
    'logs/**': ['logs/1.log', 'logs/old', 'logs/old/2.log'],
    '{a,b}.*': ['a.json', 'b.txt'],
    '?.txt': ['b.txt'],
    '[ab].*': ['a.json', 'b.txt'],
    '.*': ['.hidden'],
    'logs/.x/*': ['logs/.x/3.log'],
    '**/.x/*': ['logs/.x/3.log'],
    'src/**/z.ts': ['src/x/y/z.ts'],
    'src/{x/y,q}/*.ts': ['src/x/y/z.ts'],
    '@(a|b).json': ['a.json'],
    'link/*.log': ['link/1.log'],
    'logs/../*.txt': ['logs/../b.txt'],
    './a.json': ['a.json'],
    'a.json': ['a.json'],
    'a\\.json': ['a.json'],
    'none/*': [],
    'a.json/*': [],
  }
  for (const [pattern, paths] of Object.entries(expected)) assert.deepEqual(found(handle, pattern), paths, pattern)
  assert.deepEqual(found(handle, '**/*.log', { dot: true }), ['logs/.x/3.log', 'logs/1.log', 'logs/old/2.log'])
  assert.deepEqual(found(handle, 'a.JSON', { ignoreCase: true }), ['A.JSON', 'a.json'])
  assert.deepEqual(found(handle, 'LOGS/*.log', { ignoreCase: true }), ['logs/1.log'])
  assert.deepEqual(found(handle, '**', { kind: 'link' }), ['link'])
})

test('find: the whole file system, where there is no root', async (context) => {
  const world = realWorld(context)
  world.put('a.txt', '')
  const paths: string[] = []
  for await (const { path } of world.handle().find(join(world.base, '*.txt'))) paths.push(path)
  assert.deepEqual(paths, [join(world.base, 'a.txt')])
})

test('find: patterns that cannot be meant are refused', () => {
  const { handle } = handleOn([])
  for (const pattern of ['', '.', '/', '*/../a', '..', 'a/..', 'a\0b', 'x'.repeat(4097), 3 as unknown as string]) {
    assert.throws(() => handle.find(pattern), { code: 'ERR_FSYS_INVALID_ARGUMENT' }, pattern)
  }
  for (const pattern of ['../*', 'a/../../*', '/etc/*']) {
    assert.throws(() => found(handle, pattern), { code: 'ERR_FSYS_OUTSIDE_ROOT' }, pattern)
  }
  assert.throws(() => handle.find('*', { nocase: true } as object), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
})

test('find goes only into directories in which something can match, and into no link', () => {
  const { handle, disk } = handleOn([...FILES, 'deep/a/b/c/d/f'], { link: 'deep' })
  const opened = (pattern: string): string[] => {
    const paths: string[] = []
    disk.faults = ({ kind, path }) => {
      if (kind === 'openDirectory') paths.push(path)
      return undefined
    }
    found(handle, pattern)
    disk.faults = undefined
    return paths.filter((path) => path !== '/base' && !path.endsWith('/.')).toSorted()
  }
  assert.deepEqual(opened('*.json'), [])
  assert.deepEqual(opened('*/a/*'), ['/base/deep', '/base/deep/a', '/base/logs', '/base/src'])
  assert.deepEqual(opened('logs/*.log'), ['/base/logs'])
  assert.deepEqual(opened('{logs,x}/*'), ['/base/logs'])
})

const NAMES = ['a', 'b', 'ab', '.a', 'a.b', 'A']
const PARTS = [
  '*',
  '**',
  '?',
  'a',
  '.a',
  '*b',
  'a*',
  '[ab]',
  '[!a]',
  '{a,b}',
  '{a,b/a}',
  '@(a|ab)',
  '!(a)',
  '*(a|b)',
  '.*',
  'a**',
  '+(a)',
]

test('find gives what picomatch says of all paths: nothing is missed by not going somewhere', () => {
  const path = fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
  const pattern = fc.array(fc.constantFrom(...PARTS), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
  const property = fc.property(
    fc.array(path, { maxLength: 12 }),
    pattern,
    fc.boolean(),
    fc.boolean(),
    (paths, glob, dot, ignoreCase) => {
      // What is a directory for one path is none for another: all are directories.
      const { handle } = handleOn(paths.map((each) => `${each}/`))
      const isMatch = picomatch(glob, { dot, nocase: ignoreCase, nonegate: true, windows: false, strictSlashes: true })
      const expected = Array.from(handle.scanAll('.'), ({ path: each }) => each).filter((each) => isMatch(each))
      assert.deepEqual(found(handle, glob, { dot, ignoreCase }), expected.toSorted())
    },
  )
  fc.assert(property, { numRuns: 200 })
})

test('a pattern begins in the last directory that it names', () => {
  const how = { dot: false, ignoreCase: false }
  const bases = {
    'a/b/*.c': 'a/b',
    '*': '.',
    'a/**': 'a',
    '/x/*': '/x',
    '/*': '/',
    '../a/*': '../a',
    'a//./b/c': 'a/b',
  }
  for (const [pattern, base] of Object.entries(bases)) assert.equal(parseGlob(pattern, how).base, base, pattern)
  assert.equal(parseGlob('a/b/*', { ...how, ignoreCase: true }).base, '.')
})
