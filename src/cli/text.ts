import type { NumberClass } from './distribution.js'

/** Labels in one column and values in another. */
export function table(rows: readonly (readonly [string, string | number])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length))
  return rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}\n`).join('')
}

const BAR_LENGTH = 40

/** One line for each class of numbers, the longest bar for the largest; nothing if there are none. */
export function chart(title: string, classes: readonly NumberClass[]): string {
  if (classes.length === 0) return ''
  const most = Math.max(...classes.map((one) => one.count))
  const rows = classes.map(({ from, to, count: number }): [string, string] => [
    from === to ? `${from}` : `${from}-${to}`,
    `${`${number}`.padStart(`${most}`.length)}  ${'#'.repeat(Math.ceil((number / most) * BAR_LENGTH))}`.trimEnd(),
  ])
  return `\n${title}:\n${table(rows)}`
}

/** `1 record`, `2 records`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

/** A path in quotes, so that no character of it does anything to a terminal. */
export function quote(path: string): string {
  return printable(JSON.stringify(path))
}

/** A path as it was given, or in quotes if something in it can do more to a terminal than be seen there. */
export function plain(path: string): string {
  return /[\n\t]/u.test(path) || printable(path) !== path ? quote(path) : path
}

/** A text of one or more lines, in which nothing does anything to a terminal: messages of the system name paths as they are. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Controls, what changes the direction of a line, and what ends one, but for line feeds and tabs. None needs two code units. */
const UNPRINTABLE = /[^\P{Cc}\n\t]|[\p{Bidi_Control}\p{Zl}\p{Zp}]/gu
