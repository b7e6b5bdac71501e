import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'

/** A directory of its own for a test file, or for one test, removed when that is over. Its path has no links in it. */
export function temporaryDirectory(context?: TestContext): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'fsys-test-')))
  const remove = (): void => rmSync(path, { recursive: true, force: true })
  if (context === undefined) after(remove)
  else context.after(remove)
  return path
}
