import assert from 'node:assert/strict'

import * as fsys from 'fsys'

/**
 * `openJournal` of fsys. Where FSYS_ENGINE names an engine, for which scripts/test.js runs a test once more, this sees to it
 * that the journal has that one; only the simulated disk is an engine of its own.
 */
export async function openJournal(...words: Parameters<typeof fsys.openJournal>): Promise<fsys.Journal> {
  const journal = await fsys.openJournal(...words)
  checkEngine(journal)
  return journal
}

/** The same of `openJournalSync`. */
export function openJournalSync(...words: Parameters<typeof fsys.openJournalSync>): fsys.Journal {
  const journal = fsys.openJournalSync(...words)
  checkEngine(journal)
  return journal
}

function checkEngine({ info: { engine } }: fsys.Journal): void {
  const forced = process.env['FSYS_ENGINE']
  if (forced !== undefined && forced !== '' && engine !== 'simulated') assert.equal(engine, forced, 'FSYS_ENGINE')
}
