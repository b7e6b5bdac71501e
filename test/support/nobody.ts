import { spawnSync } from 'node:child_process'
import type { TestContext } from 'node:test'

import { unavailable } from './unavailable.js'

/** What to put before a command to run it as a user who owns nothing. Skips the test where that cannot be. */
export function asNobody(context: TestContext): readonly string[] | undefined {
  const words = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'] as const
  const [name, ...rest] = words
  if (spawnSync(name, [...rest, process.execPath, '--version']).status === 0) return words
  unavailable(context, 'this test becomes another user, which takes a superuser and setpriv')
  return undefined
}
