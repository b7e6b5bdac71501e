import type { MarkReading } from '../journal/mark.js'

/** For people. */
export function describeMark(reading: MarkReading): string {
  switch (reading.state) {
    case 'bound': {
      const { durableLsn, gapFreeLsn } = reading.mark
      const gaps = gapFreeLsn === 0 ? '' : `; older gaps are known below LSN ${gapFreeLsn}`
      return `all below LSN ${durableLsn} was confirmed${gaps}`
    }
    case 'absent':
      return 'none'
    case 'broken':
      return 'broken, and ignored'
    case 'of-another-file':
      return 'of another file, and ignored'
    case 'no-birth-time':
      return 'none: the file system keeps no birth times'
  }
}

/** For --json. */
export function markFacts(reading: MarkReading): {
  state: MarkReading['state']
  durableLsn?: number
  gapFreeLsn?: number
} {
  const { state } = reading
  if (state !== 'bound') return { state }
  return { state, durableLsn: reading.mark.durableLsn, gapFreeLsn: reading.mark.gapFreeLsn }
}
