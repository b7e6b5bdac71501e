import type { Family } from '../entrant.js'

export type ThemeName = 'light' | 'dark'

/** Colours by what they are for. The ground is left to the page. */
export interface Theme {
  readonly text: string
  readonly faint: string
  readonly grid: string
  readonly families: Readonly<Record<Family, string>>
}

export const themes: Readonly<Record<ThemeName, Theme>> = {
  light: {
    text: '#1f2328',
    faint: '#656d76',
    grid: '#d8dee4',
    families: {
      fsys: '#0b5fd0',
      limit: '#1f2328',
      'hand-written': '#bf6a02',
      node: '#8c959f',
      rust: '#b4746b',
      go: '#5fa5b5',
    },
  },
  dark: {
    text: '#e6edf3',
    faint: '#9198a1',
    grid: '#30363d',
    families: {
      fsys: '#58a6ff',
      limit: '#e6edf3',
      'hand-written': '#d29922',
      node: '#6e7681',
      rust: '#a5675e',
      go: '#3f7f8e',
    },
  },
}

export const familyNames: Readonly<Record<Family, string>> = {
  fsys: 'fsys',
  limit: 'C, the limit',
  'hand-written': 'hand-written in Node.js',
  node: 'Node.js libraries',
  rust: 'Rust',
  go: 'Go',
}

export function styleOf({ text, faint }: Theme): string {
  return [
    `text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:${text}}`,
    '.head{font-size:15px;font-weight:600}',
    `.faint{fill:${faint}}`,
    '.ours{font-weight:600}',
    '.value{font-variant-numeric:tabular-nums}',
  ].join('')
}
