import type { TestContext } from 'node:test'

/**
 * Something that a test needs is not on this machine: the test is skipped, and says why. With FSYS_TESTS_MUST_RUN=1, on
 * machines that are known to have it all, that is a failure: a skip that nobody notices proves nothing.
 */
export function unavailable(context: Pick<TestContext, 'skip'>, reason: string): void {
  if (process.env['FSYS_TESTS_MUST_RUN'] === '1') throw new Error(`must run here, but: ${reason}`)
  context.skip(reason)
}
