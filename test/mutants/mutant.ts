/** One deliberate fault: a text in a source file, and what stands there instead. */
export interface Mutant {
  /** What is wrong with it, in words. */
  readonly name: string
  /** The promises that it breaks (ARCHITECTURE.md, "What it promises"). */
  readonly breaks: string
  /** The source file, seen from the root of the repository. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly find: string
  readonly replace: string
  readonly caughtBy: Catcher
}

/** What must notice the fault. */
export type Catcher =
  /** The schedules on the simulated disk (test/sim) of one of so many seeds, from 1 on. */
  | { readonly seeds: number }
  /** A test of this file whose name holds this text; `hangs` if it must notice by never coming to an end. */
  | { readonly test: string; readonly named: string; readonly hangs?: true }

/** The source with the fault in it. Throws if the edit does not fit the source any more. */
export function mutate(source: string, { name, file, find, replace }: Mutant): string {
  const places = source.split(find).length - 1
  if (places !== 1) throw new Error(`mutant "${name}": what it replaces stands ${places} times in ${file}, not once`)
  if (find === replace) throw new Error(`mutant "${name}" changes nothing`)
  // A function, because a replacement text may hold `$`.
  return source.replace(find, () => replace)
}
