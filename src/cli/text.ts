/** Labels in one column and values in another. */
export function table(rows: readonly (readonly [string, string | number])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length))
  return rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}\n`).join('')
}

/** `1 record`, `2 records`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

/** A path, so that no character of it does anything to a terminal. */
export function quote(path: string): string {
  return JSON.stringify(path)
}
