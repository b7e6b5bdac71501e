/** The few pieces of SVG that the charts are made of. */

export type Attributes = Readonly<Record<string, string | number>>

export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const written = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${escape(typeof value === 'number' ? String(round(value)) : value)}"`)
    .join('')
  return children.length === 0 ? `<${name}${written}/>` : `<${name}${written}>${children.join('')}</${name}>`
}

export function text(content: string, attributes: Attributes): string {
  return element('text', attributes, escape(content))
}

/** A whole picture. `title` is what it says to those who do not see it. */
export function picture(width: number, height: number, title: string, style: string, parts: readonly string[]): string {
  const root = { xmlns: 'http://www.w3.org/2000/svg', width, height, viewBox: `0 0 ${width} ${height}`, role: 'img' }
  const lines = [element('title', {}, escape(title)), element('style', {}, style), ...parts]
  return `${element('svg', root, '\n', lines.join('\n'), '\n')}\n`
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
