import { Choices } from './choices.js'

/**
 * Keeps what was drawn, so that a run can be told again, and told shorter: first what stands in `script`, then what `rest`
 * draws, or without one the simplest choice for ever. A scripted number that is too large counts as the largest.
 */
export class RecordedChoices extends Choices {
  readonly #script: readonly number[]
  readonly #rest: Choices | undefined
  readonly #drawn: number[] = []

  constructor(script: readonly number[], rest?: Choices) {
    super()
    this.#script = script
    this.#rest = rest
  }

  /** Everything that was drawn until now. */
  get drawn(): readonly number[] {
    return this.#drawn
  }

  below(limit: number): number {
    if (limit <= 1) return 0
    const scripted = this.#scripted()
    const value = scripted === undefined ? (this.#rest?.below(limit) ?? 0) : Math.min(scripted, limit - 1)
    this.#drawn.push(value)
    return value
  }

  chance(probability: number): boolean {
    if (probability <= 0 || probability >= 1) return probability >= 1
    const scripted = this.#scripted()
    const isTrue = scripted === undefined ? (this.#rest?.chance(probability) ?? false) : scripted > 0
    this.#drawn.push(isTrue ? 1 : 0)
    return isTrue
  }

  #scripted(): number | undefined {
    return this.#script[this.#drawn.length]
  }
}
