import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { createReadStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

import type { BatchError } from '#src/handle/batch-error.js'
import { createHandle } from '#src/handle/handle.js'
import { SimDisk } from '#src/testing.js'

import { inEveryWorldWaiting, realWorld } from './worlds.js'

inEveryWorldWaiting('a batch writes, deletes, renames and copies', async (world) => {
  const handle = world.handle({ root: world.base })
  for (const name of ['d', 'e']) world.makeDirectory(name)
  for (const name of ['a', 'b', 'c', 'd/a']) world.put(name, `old ${name}`, 0o640)
  const batch = handle
    .batch()
    .write('a', 'new a')
    .write('d/new', Buffer.from('bytes'), { mode: 0o600 })
    .write('d/stream', [Buffer.from('in '), 'pieces'])
    .write('e/large', 'x'.repeat(100_000))
    .delete('b')
    .delete('none')
    .rename('c', 'e/c')
    .copy('d/a', 'e/copy')
  assert.equal(batch.size, 8)
  await batch.commit()
  assert.deepEqual(
    [world.names(), world.names('d'), world.names('e')],
    [
      ['a', 'd', 'e'],
      ['a', 'new', 'stream'],
      ['c', 'copy', 'large'],
    ],
  )
  assert.deepEqual(
    ['a', 'd/new', 'd/stream', 'e/c', 'e/copy'].map((name) => world.content(name)),
    ['new a', 'bytes', 'in pieces', 'old c', 'old d/a'],
  )
  assert.equal(world.content('e/large')?.length, 100_000)
  assert.deepEqual(
    [world.permissions('a'), world.permissions('d/new'), world.permissions('e/copy')],
    [0o640, 0o600, 0o640],
  )
})

inEveryWorldWaiting('writeBatch, deleteBatch and copyBatch take any iterable, and many files', async (world) => {
  const handle = world.handle({ root: world.base })
  for (let index = 0; index < 10; index++) world.makeDirectory(`d${index}`)
  const names = Array.from({ length: 120 }, (_, index) => `d${index % 10}/f${index}`)
  await handle.writeBatch(new Map(names.map((name) => [name, name])), { mode: 0o600 })
  for (const name of names) assert.equal(world.content(name), name)
  assert.equal(world.permissions('d1/f1'), 0o600)
  await handle.copyBatch(names.map((name) => [name, `${name}.copy`]))
  for (const name of names) assert.equal(world.content(`${name}.copy`), name)
  await handle.deleteBatch(new Set(names), { concurrency: 7 })
  assert.equal(await handle.countAll('.', { kind: 'file' }), 120)
  await handle.writeBatch([])
})

inEveryWorldWaiting('operations on one path keep their order', async (world) => {
  const handle = world.handle({ root: world.base })
  const batch = handle.batch()
  for (let index = 0; index < 20; index++) batch.write('a', `${index}`).write(`./b`, `${index}`)
  batch.rename('a', 'c').write('a', 'again').copy('c', 'd').delete('c').write('.//c', 'last')
  await batch.commit()
  const contents = ['a', 'b', 'c', 'd'].map((name) => world.content(name))
  assert.deepEqual(contents, ['again', '19', 'last', '19'])
})

inEveryWorldWaiting('what is no small file is written as by write', async (world) => {
  const handle = world.handle({ root: world.base })
  for (const name of ['d', 'sub']) world.makeDirectory(name)
  world.put('sub/target', 'old', 0o600)
  world.symlink('sub/target', 'link')
  world.symlink('sub/made', 'dangling')
  world.put('plain', 'old', 0o400)
  await handle.writeBatch(Object.entries({ link: '1', dangling: '2', plain: '3', 'sub/other': '4' }))
  const contents = ['sub/target', 'sub/made', 'plain', 'sub/other'].map((name) => world.content(name))
  assert.deepEqual(
    [contents, world.permissions('sub/target'), world.permissions('plain')],
    [['1', '2', '3', '4'], 0o600, 0o400],
  )
  const refused = {
    d: 'NOT_A_FILE',
    'd/': 'NOT_A_FILE',
    '.': 'NOT_A_FILE',
    'none/a': 'NOT_FOUND',
    'plain/a': 'NOT_A_DIRECTORY',
    ['n'.repeat(256)]: 'BAD_NAME',
  }
  for (const [path, code] of Object.entries(refused)) {
    const error = await failureOf(handle.writeBatch(Object.entries({ ok: 'x', [path]: 'y' })))
    const [failed] = error.failed
    assert.deepEqual([failed?.index, failed?.kind, failed?.path], [1, 'write', path])
    assert.equal((failed?.error as { code: string } | undefined)?.code, `ERR_FSYS_${code}`)
    assert.equal(error.cause, failed?.error)
    assert.deepEqual(drafts(world.names()), [])
  }
})

test('a failed operation stops the batch, which says what became of each', async (context) => {
  const world = realWorld(context)
  const handle = world.handle({ root: world.base })
  const names = ['a', 'b', 'none/c', 'd', 'e']
  const error = await failureOf(
    handle.writeBatch(
      names.map((name) => [name, name]),
      { concurrency: 1 },
    ),
  )
  assert.equal(error.code, 'ERR_FSYS_BATCH')
  assert.equal(error.path, 'none/c')
  assert.match(error.message, /at operation 2: cannot write "none\/c"/u)
  assert.deepEqual(error.completed.length + error.notStarted.length, 4)
  assert.deepEqual(new Set(error.completed.map((index) => names[index])), new Set(world.names()))
  assert.deepEqual([error.unconfirmed, error.failed.length], [[], 1])
})

test('the signal stops a batch: what is done stays done, and the rest was not started', async (context) => {
  const world = realWorld(context)
  const handle = world.handle({ root: world.base })
  const reason = new Error('enough')
  const early = await failureOf(handle.writeBatch([['a', 'a']], { signal: AbortSignal.abort(reason) }))
  assert.deepEqual([early.cause, early.notStarted, world.names()], [reason, [0], []])
  const stop = new AbortController()
  const files = Array.from({ length: 30 }, (_, index): [string, Iterable<string>] => [
    `f${index}`,
    (function* content() {
      if (index === 5) stop.abort(reason)
      yield `${index}`
    })(),
  ])
  const error = await failureOf(handle.writeBatch(files, { signal: stop.signal, concurrency: 2 }))
  assert.equal(error.cause, reason)
  for (const { error: why } of error.failed) assert.equal(why, reason)
  assert.deepEqual(error.completed.map((index) => `f${index}`).toSorted(), world.names())
  assert.ok(error.notStarted.length >= 20)
})

test('no more operations are under way than were asked for', async (context) => {
  const world = realWorld(context)
  const handle = world.handle({ root: world.base })
  const single = world.handle({ root: world.base, batchConcurrency: 1 })
  assert.throws(() => createHandle({ batchConcurrency: 0 }), { code: 'ERR_FSYS_OUT_OF_RANGE' })
  for (const concurrency of [undefined, 1, 3, 64]) {
    let [underWay, most] = [0, 0]
    const content = async function* content(): AsyncGenerator<string> {
      underWay += 1
      most = Math.max(most, underWay)
      await new Promise((resolve) => setImmediate(resolve))
      yield 'x'
      underWay -= 1
    }
    const files = Array.from({ length: 100 }, (_, index): [string, AsyncIterable<string>] => [`f${index}`, content()])
    await (concurrency === undefined ? single.writeBatch(files) : handle.writeBatch(files, { concurrency }))
    const bound = concurrency ?? 1
    assert.ok(most <= bound && most >= Math.min(bound, 2), `${most} of ${bound}`)
  }
})

test('a source that is not read to its end is told so', async (context) => {
  const world = realWorld(context)
  const handle = world.handle({ root: world.base })
  let isTold = false
  const content = (function* content() {
    try {
      yield 'x'
    } finally {
      isTold = true
    }
  })()
  content.next()
  await failureOf(handle.writeBatch([['none/a', content]]))
  assert.ok(isTold)
})

test('a source may throw whatever it likes, also nothing: its operation has failed, and the batch says so', async (context) => {
  const world = realWorld(context)
  const handle = world.handle({ root: world.base })
  for (const thrown of [undefined, null, 0, 'text']) {
    const content = (function* content(): Generator<string> {
      yield 'x'
      // oxlint-disable-next-line typescript/only-throw-error
      throw thrown
    })()
    const { failed, cause, completed } = await failureOf(handle.batch().write('a', content).commit())
    assert.deepEqual([failed, completed], [[{ index: 0, kind: 'write', path: 'a', error: thrown }], []])
    assert.equal(cause, thrown)
  }
  assert.deepEqual(world.names(), [])
})

// Nobody listened to a stream before its turn, and Node ends a process for an error of which nobody hears.
test('a stream that fails before its turn stops the batch, and not the process', async (context) => {
  const world = realWorld(context)
  const handle = world.handle({ root: world.base })
  const missing = createReadStream(join(world.base, 'none'))
  const slow = async function* slow(): AsyncGenerator<string> {
    while (!missing.destroyed) await delay(1)
    yield 'x'
  }
  const stopped = handle.batch().write('a', slow()).write('b', missing).commit({ concurrency: 1 })
  const { failed, completed } = await failureOf(stopped)
  assert.deepEqual(completed, [0])
  assert.deepEqual(
    failed.map(({ index, error }) => [index, (error as NodeJS.ErrnoException).code]),
    [[1, 'ENOENT']],
  )
  assert.deepEqual(world.names(), ['a'])
})

test('a batch that stops leaves the sources of what it has not started as they are, to be given to another one', async (context) => {
  const world = realWorld(context)
  const handle = world.handle({ root: world.base })
  world.put('there', 'x')
  const stream = createReadStream(join(world.base, 'there'))
  await once(stream, 'open')
  const stopped = handle.batch().write('none/a', 'x').write('b', stream).commit({ concurrency: 1 })
  const { notStarted } = await failureOf(stopped)
  assert.deepEqual([notStarted, world.names()], [[1], ['there']])
  await handle.batch().write('b', stream).commit()
  assert.deepEqual([world.names(), world.content('b')], [['b', 'there'], 'x'])
})

test('one signal serves many streams at the same time, and Node warns of no leak', async (context) => {
  const world = realWorld(context)
  const handle = world.handle({ root: world.base })
  const { signal } = new AbortController()
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning)
  process.on('warning', onWarning)
  context.after(() => process.off('warning', onWarning))
  const slow = async function* slow(): AsyncGenerator<string> {
    await delay(20)
    yield 'x'
  }
  const batch = handle.batch()
  for (let index = 0; index < 40; index++) batch.write(`f${index}`, slow())
  await batch.commit({ signal })
  await delay(0)
  assert.deepEqual(warnings, [])
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})

test('grouped, a batch syncs each directory once; without, once for each operation, one after the other if so asked', async () => {
  const disk = new SimDisk()
  for (const path of ['/base', '/base/a', '/base/b']) disk.makeDirectory(path)
  const handle = createHandle({ storage: disk.process(), root: '/base', mode: 'prod' })
  const calls: string[] = []
  disk.faults = ({ kind, path }) => {
    if (kind === 'syncDirectory' || kind === 'rename')
      calls.push(`${kind === 'rename' ? 'rename' : 'sync'} ${path.replace(/\/\.fsys.*/u, '')}`)
    return undefined
  }
  const files = [0, 1, 2, 3].map((index): [string, string] => [`${index % 2 === 0 ? 'a' : 'b'}/f${index}`, 'x'])
  await handle.writeBatch(files)
  assert.deepEqual(calls.filter((each) => each.startsWith('sync')).toSorted(), ['sync /base/a', 'sync /base/b'])
  assert.ok(calls.slice(0, 4).every((each) => each.startsWith('rename')))
  calls.length = 0
  await handle.writeBatch(files, { grouped: false, concurrency: 1 })
  const [inA, inB] = ['a', 'b'].map((name) => [`rename /base/${name}`, `sync /base/${name}`])
  assert.deepEqual(calls, [inA, inB, inA, inB].flat())
})

test('a batch is committed once, and checks what it is given', async (context) => {
  const world = realWorld(context)
  const handle = world.handle({ root: world.base })
  const batch = handle.batch().write('a', 'a')
  await assert.rejects(batch.commit({ concurrency: 0 }), { code: 'ERR_FSYS_OUT_OF_RANGE' })
  await assert.rejects(batch.commit({ group: true } as object), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
  await assert.rejects(batch.commit({ grouped: 1 as unknown as boolean }), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
  await assert.rejects(batch.commit({ signal: {} as AbortSignal }), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
  await batch.commit()
  await assert.rejects(batch.commit(), { code: 'ERR_FSYS_CLOSED' })
  assert.throws(() => batch.delete('a'), { code: 'ERR_FSYS_CLOSED' })
  for (const data of [3, null, undefined, '\ud800', new Uint16Array(1), {}] as unknown[] as string[]) {
    assert.throws(() => handle.batch().write('a', data), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
  }
  assert.throws(() => handle.batch().write('../a', ''), { code: 'ERR_FSYS_OUTSIDE_ROOT' })
  assert.throws(() => handle.batch().rename('a', '/b'), { code: 'ERR_FSYS_OUTSIDE_ROOT' })
  for (const wrong of ['ab', 3, null, [['a']], ['ab']]) {
    await assert.rejects(handle.writeBatch(wrong as []), { code: 'ERR_FSYS_INVALID_ARGUMENT' }, JSON.stringify(wrong))
  }
  for (const options of [null, 3, { mod: 0o600 }]) {
    await assert.rejects(handle.writeBatch([], options as object), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
  }
  await assert.rejects(handle.deleteBatch('ab'), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
  const late = handle.batch().write('b', 'b')
  handle.close()
  await assert.rejects(late.commit(), { code: 'ERR_FSYS_CLOSED' })
  assert.equal(readFileSync(join(world.base, 'a'), 'utf8'), 'a')
})

test('a handle that is closed while a batch is under way lets it come to its end', async (context) => {
  const world = realWorld(context)
  const handle = world.handle({ root: world.base })
  const done = handle.writeBatch(Array.from({ length: 50 }, (_, index) => [`f${index}`, 'x']))
  handle.close()
  await done
  assert.equal(world.names().length, 50)
})

test('many directories: no more than a hundred odd are open at the same time', async () => {
  const disk = new SimDisk({ openFilesMax: 200 })
  disk.makeDirectory('/base')
  const storage = disk.process()
  const handle = createHandle({ storage, root: '/base', mode: 'prod' })
  const files = Array.from({ length: 400 }, (_, index): [string, string] => [`d${index}/f`, `${index}`])
  for (const [path] of files) disk.makeDirectory(`/base/${path.slice(0, -2)}`)
  await handle.writeBatch(files, { concurrency: 8 })
  for (const [path, content] of files) assert.equal(Buffer.from(disk.image(`/base/${path}`) ?? '').toString(), content)
  assert.equal(disk.openFilesOf(storage), 1)
})

async function failureOf(work: Promise<unknown>): Promise<BatchError> {
  try {
    await work
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, 'ERR_FSYS_BATCH', String(error))
    return error as BatchError
  }
  assert.fail('it has not failed')
}

function drafts(names: readonly string[]): string[] {
  return names.filter((name) => name.startsWith('.fsys-draft-'))
}
