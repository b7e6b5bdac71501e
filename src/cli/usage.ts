/** The command line is wrong: exit status 64, and a hint at the help. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError'
}

/** An option's value as a whole number. */
export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = /^\d{1,16}$/u.test(text) ? Number(text) : NaN
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value
  throw new UsageError(`${option} takes a whole number from ${least} to ${most}, not '${text}'`)
}

/** An option's value as one of a few words. */
export function oneOf<const Word extends string>(option: string, text: string, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === text)
  if (word === undefined) throw new UsageError(`${option} takes ${words.join(' or ')}, not '${text}'`)
  return word
}

/** Options of which at most one may be given. */
export function atMostOne(given: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(given).filter((name) => given[name] !== undefined && given[name] !== false)
  if (names.length > 1) throw new UsageError(`${names.join(' and ')} exclude each other`)
}
