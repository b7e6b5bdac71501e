import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createKernel } from '#src/checksum/crc32c.js'
import { KernelPool, sharedKernelPool } from '#src/checksum/kernel-pool.js'

import { frameOf, noise } from './reference.js'

// D9: what is kept is bounded.

test('a released kernel is lent again for the same size, and for no other', () => {
  const pool = new KernelPool()
  const first = pool.acquire(8192)
  pool.release(first)
  const other = pool.acquire(4096)
  assert.notEqual(other, first)
  assert.equal(other.bytes.length, 4096)
  assert.equal(pool.acquire(8192), first)
  assert.notEqual(pool.acquire(8192), first)
})

test('the kernel that was released last is lent first', () => {
  const pool = new KernelPool()
  const [first, second] = [pool.acquire(4096), pool.acquire(4096)]
  pool.release(second)
  pool.release(first)
  assert.equal(pool.acquire(4096), first)
  assert.equal(pool.acquire(4096), second)
})

test('a kernel that is lent again does its work whatever was left in it', () => {
  const pool = new KernelPool({ offsetCount: 3 })
  const frames = Buffer.concat([noise(64), noise(1000)].map((payload) => frameOf(payload)))
  const kernel = pool.acquire(4096)
  kernel.bytes.fill(0xff)
  kernel.offsets.fill(-1)
  kernel.checksum(0, 0, 4096)
  pool.release(kernel)
  const again = pool.acquire(4096)
  assert.equal(again, kernel)
  again.bytes.set(frames)
  assert.equal(again.scan(0, 4096), 2)
  assert.equal(again.offsets[2], frames.length)
})

test('a pool keeps so many idle kernels and lets the oldest go (D9)', () => {
  const pool = new KernelPool({ idleCountMax: 2 })
  const kernels = [pool.acquire(4096), pool.acquire(4096), pool.acquire(4096)]
  for (const kernel of kernels) pool.release(kernel)
  assert.equal(pool.acquire(4096), kernels[2])
  assert.equal(pool.acquire(4096), kernels[1])
  assert.notEqual(pool.acquire(4096), kernels[0])
})

test('a pool keeps so many idle bytes, and no kernel that is larger (D9)', () => {
  const pool = new KernelPool({ idleBytesMax: 10_000 })
  const small = pool.acquire(4096)
  const middle = pool.acquire(8192)
  const large = pool.acquire(12_000)
  pool.release(small)
  pool.release(middle)
  assert.notEqual(pool.acquire(4096), small)
  assert.equal(pool.acquire(8192), middle)
  pool.release(large)
  assert.notEqual(pool.acquire(12_000), large)
})

test('a pool takes back only what it has lent, and only once', () => {
  const pool = new KernelPool()
  const kernel = pool.acquire(4096)
  pool.release(kernel)
  assert.throws(() => pool.release(kernel), /not lent/)
  assert.throws(() => pool.release(createKernel(4096, 1)), /not lent/)
  assert.throws(() => sharedKernelPool.release(pool.acquire(4096)), /not lent/)
})

test('a pool does not keep plain kernels: the next may be a better one', () => {
  const pool = new KernelPool({ create: (areaBytes, offsetCount) => createKernel(areaBytes, offsetCount, 'plain') })
  const kernel = pool.acquire(4096)
  pool.release(kernel)
  assert.notEqual(pool.acquire(4096), kernel)
})

test('a pool gives room for as many offsets as it was told', () => {
  assert.equal(new KernelPool({ offsetCount: 5 }).acquire(4096).offsets.length, 6)
  const kernel = sharedKernelPool.acquire(4096)
  assert.equal(kernel.offsets.length, 16_385)
  sharedKernelPool.release(kernel)
})
