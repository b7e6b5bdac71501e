import assert from 'node:assert/strict'
import { createReadStream, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'

import { createHandle, type Handle } from '#src/handle/handle.js'
import { SimDisk } from '#src/testing.js'

import { temporaryDirectory } from '../support/temporary.js'

function prepare(context: TestContext): { handle: Handle; path: string; base: string } {
  const base = temporaryDirectory(context)
  const path = join(base, 'a')
  writeFileSync(path, 'old')
  return { handle: createHandle({ mode: 'prod' }), path, base }
}

function isUntouched(base: string): void {
  assert.deepEqual(readdirSync(base), ['a'])
  assert.equal(readFileSync(join(base, 'a'), 'utf8'), 'old')
}

test('write takes streams of Node and of the web, and generators', async (context) => {
  const { handle, path } = prepare(context)
  const large = Buffer.alloc(5_000_000, 'abcdefg')
  const source = join(temporaryDirectory(context), 'source')
  writeFileSync(source, large)
  await handle.write(path, createReadStream(source))
  assert.ok(readFileSync(path).equals(large))
  await handle.write(path, new Blob(['from ', 'the web']).stream())
  assert.equal(readFileSync(path, 'utf8'), 'from the web')
  await handle.write(
    path,
    (async function* lines() {
      for (let line = 0; line < 1000; line++) yield `${line}\n`
    })(),
  )
  assert.equal(readFileSync(path, 'utf8').split('\n').length, 1001)
  handle.writeSync(path, new Set(['a', 'b']))
  assert.equal(readFileSync(path, 'utf8'), 'ab')
})

test('a piece is asked for when the one before is written: memory stays bounded', async (context) => {
  const { handle, path, base } = prepare(context)
  const MIB = 2 ** 20
  let made = 0
  await handle.write(
    path,
    (async function* pieces() {
      for (; made < 20; made++) {
        const draft = readdirSync(base).find((name) => name.startsWith('.fsys-draft-')) ?? 'none'
        assert.equal(statSync(join(base, draft)).size, made * MIB)
        yield Buffer.alloc(MIB, 'x')
      }
    })(),
  )
  assert.equal(made, 20)
  assert.equal(statSync(path).size, 20 * MIB)
})

test('many small pieces cost few writes, and little memory', async () => {
  const disk = new SimDisk()
  let writes = 0
  disk.faults = ({ kind }) => {
    if (kind === 'write') writes++
    return undefined
  }
  const handle = createHandle({ storage: disk.process(), mode: 'prod' })
  await handle.write(
    '/a',
    Array.from({ length: 30_000 }, () => 'a line of about one hundred bytes, '.repeat(3)),
  )
  assert.equal(disk.image('/a')?.length, 30_000 * 105)
  assert.equal(writes, Math.ceil((30_000 * 105) / 2 ** 20))
})

test('a piece may be used again for the next one', async (context) => {
  const { handle, path } = prepare(context)
  const piece = Buffer.alloc(10)
  await handle.write(
    path,
    (async function* pieces() {
      for (const letter of 'abc') yield piece.fill(letter)
    })(),
  )
  assert.equal(readFileSync(path, 'utf8'), 'a'.repeat(10) + 'b'.repeat(10) + 'c'.repeat(10))
})

test('an error of the source leaves the old file, no draft, and comes as it is', async (context) => {
  const { handle, path, base } = prepare(context)
  const problem = new Error('no more')
  const broken = async function* pieces(): AsyncGenerator<string> {
    yield 'x'
    throw problem
  }
  await assert.rejects(handle.write(path, broken()), (error) => error === problem)
  isUntouched(base)
  const stream = new Readable({ read: () => undefined })
  stream.push('x')
  setImmediate(() => stream.destroy(problem))
  await assert.rejects(handle.write(path, stream), (error) => error === problem)
  isUntouched(base)
  // One of the system's, but not about the file that is written.
  await assert.rejects(handle.write(path, createReadStream(join(base, 'none'))), {
    code: 'ENOENT',
    path: join(base, 'none'),
  })
  isUntouched(base)
})

test('what is no piece is refused, and the source is told to end', async (context) => {
  const { handle, path, base } = prepare(context)
  let isEnded = false
  const pieces = function* of(piece: unknown): Generator<string> {
    try {
      yield 'x'
      yield piece as string
      yield 'never'
    } finally {
      isEnded = true
    }
  }
  for (const piece of [3, null, {}, 'lone \uD800', new Float64Array(1)]) {
    isEnded = false
    await assert.rejects(handle.write(path, pieces(piece)), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
    assert.ok(isEnded)
    isEnded = false
    assert.throws(() => handle.writeSync(path, pieces(piece)), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
    assert.ok(isEnded)
  }
  const stream = new Readable({ read: () => undefined })
  await assert.rejects(handle.write(join(base, 'none', 'a'), stream), { code: 'ERR_FSYS_NOT_FOUND' })
  assert.ok(stream.destroyed)
  const another = new Readable({ read: () => undefined })
  await assert.rejects(handle.write('', another), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
  assert.ok(another.destroyed)
  isUntouched(base)
})

test('a source is ended whatever a call was refused for before it has begun', async (context) => {
  const { handle, path, base } = prepare(context)
  const closed = createHandle({ mode: 'prod' })
  closed.close()
  const calls: Record<string, (stream: Readable) => Promise<unknown>> = {
    'a closed handle': (stream) => closed.write(path, stream),
    'a closed handle, writeCopy': (stream) => closed.writeCopy(path, stream),
    'a bad option': (stream) => handle.write(path, stream, { mood: 1 } as object),
    'a bad mode': (stream) => handle.write(path, stream, { mode: -1 }),
    'a bad path': (stream) => handle.write('a\0', stream),
    'a signal': (stream) => handle.write(path, stream, { signal: AbortSignal.abort() }),
  }
  for (const [why, write] of Object.entries(calls)) {
    const stream = new Readable({ read: () => undefined })
    await assert.rejects(write(stream))
    assert.ok(stream.destroyed, why)
  }
  const stream = new Readable({ read: () => undefined })
  assert.throws(() => closed.writeSync(path, stream as never), { code: 'ERR_FSYS_CLOSED' })
  assert.ok(stream.destroyed)
  let isCancelled = false
  const web = new ReadableStream<string>({ cancel: () => void (isCancelled = true) })
  await assert.rejects(closed.write(path, web), { code: 'ERR_FSYS_CLOSED' })
  assert.ok(isCancelled)
  isUntouched(base)
})

test('the end of a source is waited for, but not beyond an abort', async (context) => {
  const { handle, path, base } = prepare(context)
  let end: (result: IteratorResult<string>) => void = () => undefined
  const ended = new Promise<IteratorResult<string>>((resolve) => (end = resolve))
  let onAsked: () => void = () => undefined
  const source = (): AsyncIterable<string> => ({
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: false, value: 3 as never }),
      return: () => {
        onAsked()
        return ended
      },
    }),
  })
  const write = async (signal?: AbortSignal): Promise<{ readonly refused: Promise<void> }> => {
    const asked = new Promise<void>((resolve) => (onAsked = resolve))
    const refused = assert.rejects(handle.write(path, source(), signal && { signal }), {
      code: 'ERR_FSYS_INVALID_ARGUMENT',
    })
    await asked
    return { refused }
  }
  const controller = new AbortController()
  const { refused: aborted } = await write(controller.signal)
  controller.abort()
  await aborted
  let isSettled = false
  const { refused } = await write()
  void refused.then(() => (isSettled = true))
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(isSettled, false)
  end({ done: true, value: undefined })
  await refused
  isUntouched(base)
})

test('a signal ends a write while it waits for its source, and before it is in place', async (context) => {
  const { handle, path, base } = prepare(context)
  const reason = new Error('enough')
  const controller = new AbortController()
  const hanging = async function* pieces(): AsyncGenerator<string> {
    yield 'x'
    await new Promise(() => undefined)
  }
  const writing = handle.write(path, hanging(), { signal: controller.signal })
  setTimeout(() => controller.abort(reason), 20)
  await assert.rejects(writing, (error) => error === reason)
  isUntouched(base)
  await assert.rejects(handle.write(path, 'new', { signal: controller.signal }), (error) => error === reason)
  await assert.rejects(handle.copy(path, join(base, 'b'), { signal: controller.signal }), (error) => error === reason)
  isUntouched(base)
  await handle.write(path, 'new', { signal: new AbortController().signal })
  assert.equal(readFileSync(path, 'utf8'), 'new')
})

test('bad arguments are the caller’s mistakes', async (context) => {
  const { handle, path, base } = prepare(context)
  const invalid = { code: 'ERR_FSYS_INVALID_ARGUMENT', name: 'TypeError' }
  for (const data of [3, null, undefined, {}, new ArrayBuffer(1), 'lone \uDC00', new DataView(new ArrayBuffer(1))]) {
    await assert.rejects(handle.write(path, data as string), invalid)
    await assert.rejects(handle.append(path, data as string), invalid)
    await assert.rejects(handle.writeAt(path, 0, data as string), invalid)
  }
  for (const kind of [Symbol.iterator, Symbol.asyncIterator]) {
    for (const iterator of [5, null, {}, { next: 1 }]) {
      await assert.rejects(handle.write(path, { [kind]: () => iterator } as never), invalid)
    }
    // What iterates, but by nothing, or gives nothing.
    await assert.rejects(handle.write(path, { [kind]: 5 } as never), invalid)
    await assert.rejects(handle.write(path, { [kind]: () => ({ next: () => null }) } as never), invalid)
  }
  await assert.rejects(handle.write(path, 'x', { mood: 1 } as object), invalid)
  await assert.rejects(handle.write(path, 'x', { signal: 1 } as object), invalid)
  await assert.rejects(handle.append(path, 'x', { signal: AbortSignal.abort() } as object), invalid)
  await assert.rejects(handle.copy(path, path, { mode: 0o600 } as object), invalid)
  assert.throws(() => handle.writeSync(path, 'x', { signal: AbortSignal.abort() }), invalid)
  assert.throws(() => handle.writeSync(path, Readable.from(['x']) as never), invalid)
  const outOfRange = { code: 'ERR_FSYS_OUT_OF_RANGE', name: 'RangeError' }
  await assert.rejects(handle.write(path, 'x', { mode: 0o1000 }), outOfRange)
  for (const value of [-1, 0.5, 2 ** 53, Number.NaN]) {
    await assert.rejects(handle.truncate(path, value), outOfRange)
    await assert.rejects(handle.writeAt(path, value, 'x'), outOfRange)
    await assert.rejects(handle.readAt(path, value, 1), outOfRange)
    await assert.rejects(handle.readAt(path, 1, value), outOfRange)
    await assert.rejects(handle.punchHole(path, 1, value), outOfRange)
    await assert.rejects(handle.writeZeros(path, 1, value), outOfRange)
  }
  isUntouched(base)
})

test('of many writers at the same time the last one wins, whole', async (context) => {
  const { handle, path, base } = prepare(context)
  const other = createHandle({ mode: 'prod', method: 'sync' })
  const contents = Array.from({ length: 40 }, (_, index) => String.fromCodePoint(65 + index).repeat(10_000 + index))
  const seen = new Set<string>()
  const watching = setInterval(() => seen.add(readFileSync(path, 'utf8')), 1)
  await Promise.all(contents.map((content, index) => (index % 2 === 0 ? handle : other).write(path, content)))
  clearInterval(watching)
  for (const found of [...seen, readFileSync(path, 'utf8')]) assert.ok(found === 'old' || contents.includes(found))
  assert.deepEqual(readdirSync(base), ['a'])
})

test('appends at the same time do not overwrite each other', async (context) => {
  const { handle, path } = prepare(context)
  await Promise.all(Array.from({ length: 30 }, (_, index) => handle.append(path, `<${index}>`)))
  const found = readFileSync(path, 'utf8')
  for (let index = 0; index < 30; index++) assert.ok(found.includes(`<${index}>`))
  assert.equal(found.length, 3 + 10 * 3 + 20 * 4)
})
