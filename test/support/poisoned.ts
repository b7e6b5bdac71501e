import assert from 'node:assert/strict'

import type { FsysError, Journal } from 'fsys'

/** D5, D10: the journal refuses all further work, names this first failure, and closes all the same. */
export async function isPoisoned(journal: Journal, first: unknown): Promise<void> {
  const poisoned = (error: FsysError): boolean => error.code === 'ERR_FSYS_POISONED' && error.cause === first
  assert.throws(() => journal.append('x'), poisoned)
  assert.throws(() => journal.appendBatch(['x']), poisoned)
  assert.throws(() => journal.flushSync(), poisoned)
  await assert.rejects(journal.commit('x'), poisoned)
  await assert.rejects(journal.flush(), poisoned)
  assert.ok(journal.durableLsn <= journal.writtenLsn && journal.writtenLsn <= journal.nextLsn)
  if (journal.durableLsn < journal.nextLsn) {
    await assert.rejects(journal.syncThrough(journal.nextLsn), poisoned)
    assert.throws(() => journal.syncThroughSync(journal.nextLsn), poisoned)
  }
  assert.equal(await journal.syncThrough(journal.durableLsn), journal.durableLsn)
  await assert.rejects(journal.close(), poisoned)
  await assert.rejects(journal.close(), poisoned)
  journal.closeSync()
}
