import { Choices } from './choices.js'

/**
 * A small generator of random numbers that always says the same for the same seed: sfc32 ("small fast counting", Chris
 * Doty-Humphrey, PractRand). Fit for simulations, not for secrets.
 */
export class Random extends Choices {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    super()
    this.#a = seed | 0
    this.#b = Math.floor(seed / 2 ** 32) | 0
    this.#c = 0x9e3779b9 | 0
    // Seeds that differ in one bit only differ everywhere after so many rounds.
    for (let round = 0; round < 12; round += 1) this.bits()
  }

  /** 32 random bits, as a number from 0 to 2^32 - 1. */
  bits(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  below(limit: number): number {
    if (limit <= 1) return 0
    if (limit <= 2 ** 32) return Math.floor((this.bits() / 2 ** 32) * limit)
    const fraction = (this.bits() * 2 ** 21 + (this.bits() >>> 11)) / 2 ** 53
    return Math.min(limit - 1, Math.floor(fraction * limit))
  }

  chance(probability: number): boolean {
    if (probability <= 0) return false
    return probability >= 1 || this.bits() < probability * 2 ** 32
  }
}
