import assert from 'node:assert/strict'
import { test } from 'node:test'

import { directAlignmentOn } from '#src/platform/direct-alignment.js'

const SYSFS: Readonly<Record<string, string>> = {
  '/sys/dev/block/254:0/queue/logical_block_size': '4096\n',
  // A partition of a disk that has 512.
  '/sys/dev/block/8:1/../queue/logical_block_size': '512\n',
  '/sys/dev/block/7:0/queue/logical_block_size': 'nothing',
}

test('direct writes are aligned as the device of ext4 and XFS asks for, and unknown elsewhere', () => {
  for (const [type, device, expected] of [
    ['xfs', '254:0', 4096],
    ['ext4', '8:1', 512],
    ['ext4', '7:0', undefined],
    ['ext4', '9:9', undefined],
    ['btrfs', '254:0', undefined],
    ['overlay', '0:31', undefined],
  ] as const) {
    assert.equal(
      directAlignmentOn({ type, device }, (path) => SYSFS[path]),
      expected,
      `${type} ${device}`,
    )
  }
})
