/**
 * Where everything comes from that is left to chance. 0 and false are the simplest choice everywhere: no fault, no tear, no
 * pause, the first in the queue, everything survives. So a run is made simpler by lowering what it draws.
 *
 * A draw that has one outcome only is none: it costs nothing, and a record of the run does not hold it.
 */
export abstract class Choices {
  /** An integer from 0 to `limit - 1`; 0 for a limit of 0. Limits to 2^53 - 1. */
  abstract below(limit: number): number

  /** True with this probability. */
  abstract chance(probability: number): boolean

  /** An integer from `least` to `most`, both included; `least` is the simplest. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  /** One of a list; the first is the simplest. */
  pick<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.below(items.length)] ?? items[0]
  }

  /** So many bytes that differ from draw to draw; the simplest are zeros. One draw, however many bytes. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    let state = this.below(2 ** 32)
    for (let index = 0; index < length && state !== 0; index += 1) {
      // xorshift32 (Marsaglia): never 0 after anything else.
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      bytes[index] = state & 0xff
    }
    return bytes
  }
}
