import { FsysError } from '../errors.js'
import { type Findings, complaintAbout } from '../journal/recovery.js'
import { count, quote } from './text.js'

/** What is wrong with a journal, beyond what a crash explains, as an error; undefined if nothing is. Pure. */
export function complaintError(path: string, findings: Findings): FsysError | undefined {
  const { cleanEnd, tailState, mark } = findings
  const facts = { path, lsn: cleanEnd, tailState }
  const name = quote(path)
  const advice = '`fsys repair --dry-run` says what can be done'
  switch (complaintAbout(findings)) {
    case undefined:
      return undefined
    case 'not-a-journal':
      return new FsysError('ERR_FSYS_NOT_A_JOURNAL', `${name} does not begin like a journal`, facts)
    case 'ambiguous-gap':
      return new FsysError(
        'ERR_FSYS_AMBIGUOUS_GAP',
        `${name} has zeros at LSN ${cleanEnd} and records behind them: an older direct-mode writer may have left them, or a ` +
          `power cut; ${advice}`,
        facts,
      )
    case 'below-mark': {
      const confirmed = mark.state === 'bound' ? mark.mark.durableLsn : 0
      return new FsysError(
        'ERR_FSYS_DAMAGED',
        `the valid records of ${name} end at LSN ${cleanEnd} (${tailState}), but all below ${confirmed} was once confirmed; ${advice}`,
        facts,
      )
    }
    case 'damaged':
      return new FsysError(
        'ERR_FSYS_DAMAGED',
        `${name} is damaged at LSN ${cleanEnd}: ${tailState}, which no crash explains; ${advice}`,
        facts,
      )
  }
}

/** Says what stands behind the last record, if a crash explains it; undefined if nothing does. Pure. */
export function tornNote({ cleanEnd, fileSize, tailState }: Findings): string | undefined {
  if (tailState === 'clean-end') return undefined
  const bytes = count(fileSize - cleanEnd, 'byte')
  return `no whole record at LSN ${cleanEnd} (${tailState}, ${bytes}): a crash left that, or it is being written`
}
