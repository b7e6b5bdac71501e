import assert from 'node:assert/strict'
import { test } from 'node:test'

import { chunksOf, filesAtOnce } from '#src/handle/batch-chunks.js'
import { type BatchOperation, planBatch } from '#src/handle/batch-plan.js'

function writes(...paths: readonly string[]): BatchOperation[] {
  return paths.map((path) => ({ kind: 'write', path, data: 'x', mode: 0o666 }))
}

test('a plan keeps directories together', () => {
  const operations = writes('a/1', 'b/1', 'a/2', 'c', 'b/2')
  assert.deepEqual(planBatch(operations, 'by-directory'), [{ waves: [[0, 2, 1, 4, 3]] }])
  assert.deepEqual(planBatch(operations, 'as-given'), [{ waves: [[0, 1, 2, 3, 4]] }])
  assert.deepEqual(planBatch([], 'by-directory'), [])
})

test('a plan keeps the order of operations that have a path in common', () => {
  const operations: BatchOperation[] = [
    ...writes('a', 'b', './a'),
    { kind: 'rename', path: 'b', to: 'a' },
    { kind: 'delete', path: 'x' },
    { kind: 'copy', path: 'x', to: 'y' },
  ]
  assert.deepEqual(planBatch(operations, 'by-directory'), [{ waves: [[0, 1, 4], [2, 5], [3]] }])
})

test('a plan has no more directories at a time than it may, and syncs none twice but for that', () => {
  const operations = writes(...Array.from({ length: 9 }, (_, index) => `d${index % 5}/f${index}`))
  const plan = planBatch(operations, 'by-directory', 2)
  assert.deepEqual(plan, [{ waves: [[0, 5, 1, 6]] }, { waves: [[2, 7, 3, 8]] }, { waves: [[4]] }])
  const moves: BatchOperation[] = [{ kind: 'rename', path: 'a/1', to: 'b/1' }, ...writes('c/1')]
  assert.deepEqual(planBatch(moves, 'by-directory', 2), [{ waves: [[0]] }, { waves: [[1]] }])
  // One operation may need more.
  assert.deepEqual(planBatch(moves, 'by-directory', 1), [{ waves: [[0]] }, { waves: [[1]] }])
})

test('small files of a directory go together, everything else alone', () => {
  const operations: BatchOperation[] = [
    ...writes('a/1', 'a/2', 'b/1', 'a/3', 'a/4', 'a/'),
    { kind: 'write', path: 'a/5', data: 'x'.repeat(70_000), mode: 0o666 },
    { kind: 'write', path: 'a/6', data: ['pieces'], mode: 0o666 },
    { kind: 'delete', path: 'a/7' },
    { kind: 'write', path: 'a/8', data: new Uint8Array(10), mode: 0o666 },
  ]
  const chunks = chunksOf(operations, [...operations.keys()], 3)
  assert.deepEqual(chunks, [[0, 1, 3], [2], [4, 9], [5], [6], [7], [8]])
  const many = Array.from({ length: 40 }, (_, index): BatchOperation => ({
    kind: 'write',
    path: `f${index}`,
    data: new Uint8Array(2 ** 16),
    mode: 0,
  }))
  assert.deepEqual(
    chunksOf(many, [...many.keys()], 64).map((chunk) => chunk.length),
    [16, 16, 8],
  )
  assert.deepEqual([1, 4, 64, 1024].map(filesAtOnce), [1, 1, 16, 64])
})
