import { readdirSync } from 'node:fs'

/** What a process holds. */
export interface Resources {
  readonly rssBytes: number
  /** JavaScript's heap, after a collection. */
  readonly heapBytes: number
  /** Memory of buffers, WebAssembly's included. */
  readonly externalBytes: number
  /** 0 where the platform does not tell. */
  readonly descriptors: number
  readonly threads: number
}

/** This process's. Collects garbage first, where node was started with --expose-gc. */
export function measureResources(): Resources {
  globalThis.gc?.()
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  return {
    rssBytes: rss,
    heapBytes: heapUsed,
    externalBytes: external,
    descriptors: countEntries('/proc/self/fd'),
    threads: countEntries('/proc/self/task'),
  }
}

function countEntries(directory: string): number {
  try {
    return readdirSync(directory).length
  } catch {
    return 0
  }
}

/**
 * What a run may take more at its end than at its start. Heap and buffers are measured after a collection: in half an hour,
 * 2 MiB is what a leak of 2 KB an opening or 3 bytes a record takes. Resident memory moves by itself. Of the
 * kernels, a megabyte or two each, the pool keeps as many as were once in use at the same time: a few more are no leak.
 */
export const GROWTH_MAX: Resources = {
  rssBytes: 64 * 2 ** 20,
  heapBytes: 2 * 2 ** 20,
  externalBytes: 8 * 2 ** 20,
  descriptors: 0,
  threads: 0,
}

/** Medians for memory, which moves; the most for what must not grow at all. */
export function summarizeResources(samples: readonly Resources[]): Resources {
  const of = (name: keyof Resources): number[] => samples.map((sample) => sample[name])
  return {
    rssBytes: median(of('rssBytes')),
    heapBytes: median(of('heapBytes')),
    externalBytes: median(of('externalBytes')),
    descriptors: Math.max(...of('descriptors')),
    threads: Math.max(...of('threads')),
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN
}

/** What has grown more than it may. */
export function findGrowth(start: Resources, end: Resources): string[] {
  return (Object.keys(GROWTH_MAX) as (keyof Resources)[])
    .filter((name) => !(end[name] - start[name] <= GROWTH_MAX[name]))
    .map((name) => `${name} went from ${start[name]} to ${end[name]}, which is more than ${GROWTH_MAX[name]} more`)
}
