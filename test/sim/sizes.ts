import type { Choices } from '#src/storage/sim/choices.js'

/** So seldom does a journal get records of megabytes: one takes as long as hundreds of schedules. */
const HUGE_CHANCE = 1 / 5000

/** How long the records of one journal are. Frames that divide sectors and pages end where stale ones begin; others straddle. */
export function sizeGenerator(choices: Choices): () => number {
  const fixed = choices.pick([4, 20, 52, 116, 244, 500, 1012, 2036, 4084])
  const isHuge = choices.chance(HUGE_CHANCE)
  if (isHuge) return () => (choices.chance(0.2) ? 2 ** 20 + choices.below(2 ** 21) : choices.below(600))
  switch (choices.below(4)) {
    case 0:
      return () => fixed
    case 1:
      return () => choices.below(40)
    case 2:
      return () => choices.below(1200)
    default:
      return () => (choices.chance(0.1) ? 4000 + choices.below(9000) : choices.chance(0.5) ? choices.below(600) : fixed)
  }
}
