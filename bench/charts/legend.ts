import type { Family } from '../entrant.js'
import { element, text } from './svg.js'
import { type Theme, familyNames } from './theme.js'

/** One line that says which colour is what, of the families that a chart shows. */
export function legend(families: readonly Family[], theme: Theme, x: number, y: number): string[] {
  const shown = (Object.keys(familyNames) as Family[]).filter((family) => families.includes(family))
  let left = x
  return shown.flatMap((family) => {
    const name = familyNames[family]
    const parts = [
      element('rect', { x: left, y: y - 9, width: 10, height: 10, rx: 2, fill: theme.families[family] }),
      text(name, { x: left + 15, y, class: 'faint' }),
    ]
    left += 33 + name.length * 6.3
    return parts
  })
}
