/** What came of an entrant: a value for each round, or why it has none. */
export type Outcome<Value> = { readonly values: readonly Value[] } | { readonly reason: string }

/**
 * Runs each entrant once a round, one after the other, so that a noisy neighbour hits all of them. Every second round goes
 * backwards: nobody always comes behind the same one. Who fails takes no part in the rounds that follow.
 */
export async function interleave<Entrant, Value>(
  entrants: readonly Entrant[],
  rounds: number,
  run: (entrant: Entrant, round: number) => Promise<Value>,
): Promise<Map<Entrant, Outcome<Value>>> {
  const values = new Map<Entrant, Value[]>(entrants.map((entrant) => [entrant, []]))
  const outcomes = new Map<Entrant, Outcome<Value>>()
  for (let round = 0; round < rounds; round++) {
    for (const entrant of round % 2 === 0 ? entrants : entrants.toReversed()) {
      if (outcomes.has(entrant)) continue
      try {
        values.get(entrant)?.push(await run(entrant, round))
      } catch (error) {
        outcomes.set(entrant, { reason: error instanceof Error ? error.message : String(error) })
      }
    }
  }
  for (const [entrant, its] of values) if (!outcomes.has(entrant)) outcomes.set(entrant, { values: its })
  return outcomes
}
