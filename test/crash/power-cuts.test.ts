import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { suite, test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

const PROGRAM = fileURLToPath(new URL('power-cuts.js', import.meta.url))

// More of it: npm run cuts.
suite('power cuts on real file systems', () => {
  for (const kind of ['ext4', 'xfs'] as const) {
    test(
      `D1 D2 D3 D6 D7: on ${kind}, what was confirmed outlives the power, and what is there was appended`,
      { timeout: 300_000 },
      async (context) => {
        const { exitCode, output } = await cut(context, '--of', 'journals', '--fs', kind, '--cycles', '5')
        if (exitCode !== undefined) assert.equal(exitCode, 0, output)
      },
    )

    test(
      `on ${kind}, a writer that confirms what it has not synced is found out within 8 power cuts`,
      { timeout: 300_000 },
      async (context) => {
        const { exitCode, output } = await cut(
          context,
          '--of',
          'journals',
          '--fs',
          kind,
          '--cycles',
          '8',
          '--fault',
          'unsynced',
        )
        if (exitCode === undefined) return
        assert.equal(exitCode, 1, output)
        assert.match(output, /D2: \d+ records end at \d+, but all below \d+ was confirmed/u)
      },
    )
  }
})

interface Ending {
  /** Undefined if there can be no power cuts here, and the test is skipped. */
  readonly exitCode: number | undefined
  readonly output: string
}

async function cut(context: TestContext, ...words: readonly string[]): Promise<Ending> {
  const env = { ...process.env, TMPDIR: temporaryDirectory(context) }
  const ending = await new Promise<{ exitCode: number; output: string }>((resolve) => {
    const child = execFile(process.execPath, [PROGRAM, ...words], { env }, (_, stdout, stderr) => {
      resolve({ exitCode: child.exitCode ?? -1, output: stdout + stderr })
    })
    context.after(() => child.kill('SIGKILL'))
  })
  context.diagnostic(ending.output.trim())
  if (ending.exitCode !== 77) return ending
  unavailable(context, ending.output.trim())
  return { ...ending, exitCode: undefined }
}
