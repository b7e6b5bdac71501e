import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { describeCpu } from '#src/platform/probe/cpu.js'
import { classOf, isReadOnly, knowledgeOf, syncWeakenedBy, typeOfNumber } from '#src/platform/probe/file-systems.js'
import { findMount, type Mount, mountIdOf, mountOption, parseMountInfo } from '#src/platform/probe/mount-info.js'
import { deviceName } from '#src/platform/probe/system-files.js'

const DESKTOP = `22 27 0:21 / /proc rw,relatime shared:5 - proc proc rw
27 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro
31 27 0:28 / /run rw,nosuid,nodev shared:2 - tmpfs tmpfs rw,size=1630764k,mode=755
40 27 8:1 / /media/my\\040disk ro,relatime shared:3 master:7 - ext4 /dev/sda1 rw,nobarrier
41 27 0:45 /@home /home rw,relatime - btrfs /dev/nvme0n1p3 rw,ssd,subvolid=257,subvol=/@home
42 41 0:60 / /home/me/cloud rw,nosuid - fuse.sshfs me@server:/data rw,user_id=1000
43 27 0:61 / /srv rw - nfs4 server:/export rw,vers=4.2,hard
44 27 8:17 / /srv rw - xfs /dev/sdb1 rw
45 27 8:33 /some/file /etc/hosts rw - ext4 /dev/sdc1 rw
`

const CONTAINER = `1544 1500 0:317 / / rw,relatime master:400 - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir=/var/lib/docker/overlay2/x/diff,workdir=/w,volatile
1545 1544 0:320 / /proc rw,nosuid - proc proc rw
1550 1544 254:1 /var/lib/docker/volumes/data/_data /data rw,relatime - ext4 /dev/vda1 rw
1551 1544 254:1 /var/lib/docker/containers/c/hosts /etc/hosts rw,relatime - ext4 /dev/vda1 rw
`

const WSL = `68 67 8:32 / / rw,relatime - ext4 /dev/sdc rw,discard,errors=remount-ro,data=ordered
90 68 0:55 / /mnt/c rw,noatime - 9p C:\\134 rw,aname=drvfs;path=C:\\;uid=1000,access=client
`

const mountOf = (text: string, path: string, id?: number): Mount | undefined =>
  findMount(parseMountInfo(text), id, path)

describe('mounts', () => {
  test('are read with escapes, optional fields and both kinds of options', () => {
    assert.deepEqual(mountOf(DESKTOP, '/media/my disk/x'), {
      id: 40,
      device: '8:1',
      mountPoint: '/media/my disk',
      options: ['ro', 'relatime', 'rw', 'nobarrier'],
      type: 'ext4',
      source: '/dev/sda1',
    })
    assert.equal(parseMountInfo(DESKTOP).length, 9)
    assert.deepEqual(parseMountInfo('nonsense\n\n1 2 3\n1 2 0:1 / /x rw - \n'), [])
    assert.equal(mountOf(WSL, '/mnt/c/Users')?.source, 'C:\\')
  })

  test('serve the paths below them: the deepest does, and of several in one place the last', () => {
    const typeAt = (path: string, text = DESKTOP): string | undefined => mountOf(text, path)?.type
    assert.equal(typeAt('/'), 'ext4')
    assert.equal(typeAt('/home'), 'btrfs')
    assert.equal(typeAt('/home2'), 'ext4')
    assert.equal(typeAt('/home/me'), 'btrfs')
    assert.equal(typeAt('/home/me/cloud/x/y'), 'fuse.sshfs')
    assert.equal(typeAt('/srv/data'), 'xfs')
    assert.equal(mountOf(DESKTOP, '/etc/hosts')?.device, '8:33')
    assert.equal(typeAt('/data/journal', CONTAINER), 'ext4')
    assert.equal(typeAt('/app', CONTAINER), 'overlay')
    assert.equal(typeAt('/mnt/c', WSL), '9p')
    assert.equal(findMount([], undefined, '/'), undefined)
  })

  test('are known by their ids for certain, where a descriptor tells one', () => {
    // What is hidden by a later mount, but was opened before.
    assert.equal(mountOf(DESKTOP, '/srv/data', 43)?.type, 'nfs4')
    assert.equal(mountOf(DESKTOP, '/srv/data', 999)?.type, 'xfs')
    assert.equal(mountIdOf('pos:\t0\nflags:\t010000000\nmnt_id:\t27\nino:\t2\n'), 27)
    assert.equal(mountIdOf('pos:\t0\n'), undefined)
    assert.equal(mountIdOf(undefined), undefined)
  })

  test('have options with and without values', () => {
    const overlay = mountOf(CONTAINER, '/') as Mount
    assert.equal(mountOption(overlay, 'upperdir'), '/var/lib/docker/overlay2/x/diff')
    assert.equal(mountOption(overlay, 'volatile'), '')
    assert.equal(mountOption(overlay, 'upper'), undefined)
  })
})

describe('file systems', () => {
  test('are read-only, or sync less than they should, by their options', () => {
    const of = (text: string, path: string): unknown[] => {
      const mount = mountOf(text, path) as Mount
      return [isReadOnly(mount), syncWeakenedBy(mount)]
    }
    assert.deepEqual(of(DESKTOP, '/'), [false, undefined])
    assert.deepEqual(of(DESKTOP, '/media/my disk'), [true, 'nobarrier'])
    assert.deepEqual(of(CONTAINER, '/'), [false, 'volatile'])
    assert.deepEqual(of('1 0 8:1 / / rw - ext4 /dev/sda1 rw,barrier=0', '/'), [false, 'barrier=0'])
    assert.deepEqual(of('1 0 8:1 / / rw - ext4 /dev/sda1 ro', '/'), [true, undefined])
  })

  test('are of a class each: who makes their syncs true', () => {
    const classes: readonly (readonly [string, string])[] = [
      ['ext4 xfs btrfs zfs vfat ext2/3/4', 'disk'],
      ['overlay', 'overlay'],
      ['nfs nfs4 cifs smb3 ceph fuse.sshfs', 'network'],
      ['9p virtiofs vboxsf drvfs', 'host'],
      ['fuse fuseblk fuse.mergerfs', 'fuse'],
      ['tmpfs ramfs', 'memory'],
      ['proc somefs unknown', 'unknown'],
    ]
    for (const [types, expected] of classes) {
      for (const type of types.split(' ')) assert.equal(classOf(type), expected, type)
    }
  })

  test('are known by number where there is nothing better, be it signed or not', () => {
    assert.equal(typeOfNumber(61267), 'ext2/3/4')
    assert.equal(typeOfNumber(0x9123683e), 'btrfs')
    assert.equal(typeOfNumber(0x9123683e | 0), 'btrfs')
    assert.equal(typeOfNumber(16914836), 'tmpfs')
    assert.equal(typeOfNumber(26), 'unknown')
  })

  test('are known to have this and that only where it is certain', () => {
    assert.equal(knowledgeOf('ext4').reflink?.isAvailable, false)
    assert.equal(knowledgeOf('btrfs').reflink?.isAvailable, true)
    // It depends on how the file system was made.
    assert.equal(knowledgeOf('xfs').reflink, undefined)
    assert.equal(knowledgeOf('ext4').holePunching, undefined)
    assert.deepEqual(knowledgeOf('constructor'), {})
  })
})

test('device numbers are written as Linux does, large ones too', () => {
  assert.equal(deviceName(BigInt(254 * 256)), '254:0')
  assert.equal(deviceName(2049n), '8:1')
  assert.equal(deviceName((0x12n << 20n) | (259n << 8n) | 0x34n), '259:4660')
  assert.equal(deviceName(45n), '0:45')
})

describe('processors', () => {
  const intel = 'processor\t: 0\nflags\t\t: fpu sse sse4_1 sse4_2 popcnt pclmulqdq avx avx2\nbugs\t\t: spectre_v1\n'
  const old = 'processor\t: 0\nflags\t\t: fpu sse sse2\n'
  const arm = 'processor\t: 0\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics\nCPU part\t: 0xd0c\n'
  const all = (hasCrc32c: unknown, hasCarrylessMultiply: unknown, hasAvx2: unknown): object => ({
    hasCrc32c,
    hasCarrylessMultiply,
    hasAvx2,
  })

  test('say what they can do; those that do not are not known', () => {
    assert.deepEqual(describeCpu('x64', intel), all(true, true, true))
    assert.deepEqual(describeCpu('x64', old), all(false, false, false))
    assert.deepEqual(describeCpu('arm64', arm), all(true, true, false))
    assert.deepEqual(describeCpu('arm64', 'Features\t: fp asimd\n'), all(false, false, false))
    assert.deepEqual(describeCpu('x64', undefined), all('unknown', 'unknown', 'unknown'))
    assert.deepEqual(describeCpu('arm64', undefined), all('unknown', 'unknown', false))
    assert.deepEqual(describeCpu('riscv64', 'isa\t: rv64imafdc\n'), all('unknown', 'unknown', false))
    assert.deepEqual(describeCpu('s390x', 'features\t: esan3 zarch\nflags : crc32'), all('unknown', 'unknown', false))
  })
})
