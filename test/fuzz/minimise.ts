import type { Input } from './input.js'
import type { Surface } from './surface.js'
import { Tally } from './surface.js'

const BUDGET_MS = 20_000

/** The same case with as few bytes as it still fails with, found by leaving out what is not needed. */
export async function minimise(surface: Surface, input: Input): Promise<Input> {
  const deadline = performance.now() + BUDGET_MS
  const fails = async (candidate: Input): Promise<boolean> => {
    if (performance.now() > deadline) return false
    try {
      await surface.check(candidate, new Tally())
      return false
    } catch {
      return true
    }
  }
  let best = input
  for (const suffix of Object.keys(input.beside)) {
    const candidate = {
      ...best,
      beside: Object.fromEntries(Object.entries(best.beside).filter(([key]) => key !== suffix)),
    }
    if (await fails(candidate)) best = candidate
  }
  best = { ...best, journal: await shorten(best.journal, (journal) => fails({ ...best, journal })) }
  for (const suffix of Object.keys(best.beside)) {
    const withFile = (bytes: Buffer): Input => ({ ...best, beside: { ...best.beside, [suffix]: bytes } })
    best = withFile(await shorten(best.beside[suffix] as Buffer, (bytes) => fails(withFile(bytes))))
  }
  return best
}

/** Leaves out pieces, from half of it down to single bytes, as long as that helps. */
async function shorten(bytes: Buffer, fails: (candidate: Buffer) => Promise<boolean>): Promise<Buffer> {
  let best = bytes
  for (let size = Math.ceil(bytes.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let start = 0; start < best.length;) {
      const candidate = Buffer.concat([best.subarray(0, start), best.subarray(start + size)])
      if (await fails(candidate)) best = candidate
      else start += size
    }
  }
  return best
}
