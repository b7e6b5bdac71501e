import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

test('npx fsys runs in a checkout that has been built, more than once', () => {
  for (let round = 0; round < 2; round++) {
    const { status, stdout, stderr } = spawnSync('npx', ['--no', 'fsys', '--version'], {
      encoding: 'utf8',
      shell: process.platform === 'win32',
      timeout: 60_000,
    })
    assert.equal(status, 0, stderr)
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/u)
  }
})
