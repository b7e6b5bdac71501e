export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

/** Decimal units: 1 MB is 1,000,000 bytes. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e4) return `${formatCount(bytes)} ${bytes === 1 ? 'byte' : 'bytes'}`
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
}

export function formatMs(ms: number): string {
  if (ms < 1) return `${(ms * 1e3).toFixed(0)} us`
  if (ms < 1e4) return `${ms.toFixed(ms < 100 ? 1 : 0)} ms`
  return `${(ms / 1e3).toFixed(1)} s`
}

/** `1 line`, `2 lines`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}
