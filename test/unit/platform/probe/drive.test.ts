import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { DriveFacts } from '#src/platform/facts.js'
import { findDrive, UNKNOWN_DRIVE } from '#src/platform/probe/drive.js'
import { classOf } from '#src/platform/probe/file-systems.js'
import { findMount } from '#src/platform/probe/mount-info.js'

import { type Device, Machine, type Recording, sysfs } from './machine.js'

/** The drive beneath a path of a machine; `device` is what stat says, where that is not what mountinfo says. */
async function driveOf(recording: Recording, path = '/', device?: string): Promise<DriveFacts> {
  const machine = new Machine(recording)
  const mount = findMount(machine.mounts, undefined, path)
  assert.ok(mount !== undefined)
  return await findDrive(machine, { device: device ?? mount.device, mount, class: classOf(mount.type) })
}

const SOLID = { rotational: '0', logical_block_size: '512', physical_block_size: '512', nr_requests: '1023' }
const BACK = { write_cache: 'write back', fua: '1' }

const nvme = (
  index: number,
  queue: Record<string, string> = {},
  model = 'Samsung SSD 980 PRO 1TB',
  transport = 'pcie',
): Device => ({
  path: `/sys/devices/pci0000:00/0000:00:01.${index}/0000:0${index + 1}:00.0/nvme/nvme${index}/nvme${index}n1`,
  number: `259:${index * 4}`,
  queue: { ...SOLID, ...BACK, ...queue },
  device: { model: `${model}                 `.slice(0, 40), transport, vendor: '0x144d' },
  partitions: { [`nvme${index}n1p1`]: `259:${index * 4 + 1}`, [`nvme${index}n1p2`]: `259:${index * 4 + 2}` },
})

const disk = (
  letter: string,
  number: string,
  queue: Record<string, string>,
  device: Record<string, string>,
): Device => ({
  path: `/sys/devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sd${letter}`,
  number,
  queue: {
    logical_block_size: '512',
    physical_block_size: '4096',
    nr_requests: '64',
    write_cache: 'write back',
    fua: '0',
    ...queue,
  },
  device: { vendor: 'ATA     ', queue_depth: '32', ...device },
  partitions: { [`sd${letter}1`]: `${number.split(':')[0]}:${Number(number.split(':')[1]) + 1}` },
})

const hdd = (letter: string, number: string): Device =>
  disk(letter, number, { rotational: '1' }, { model: 'WDC WD40EFRX-68N' })
const ssd = (letter: string, number: string): Device =>
  disk(letter, number, { rotational: '0', physical_block_size: '512' }, { model: 'Samsung SSD 860 ' })

const mounted = (device: string, type: string, source: string, options = 'rw', mountPoint = '/'): string =>
  `27 1 ${device} / ${mountPoint} rw,relatime shared:1 - ${type} ${source} ${options}`

describe('the drive beneath a file system', () => {
  test('an NVMe drive, by its partition', async () => {
    assert.deepEqual(await driveOf({ mountinfo: mounted('259:2', 'ext4', '/dev/nvme0n1p2'), ...sysfs(nvme(0)) }), {
      kind: 'nvme',
      devices: ['nvme0n1'],
      model: 'Samsung SSD 980 PRO 1TB',
      isRotational: false,
      logicalSectorBytes: 512,
      physicalSectorBytes: 512,
      writeCache: 'write back',
      queueDepth: 1023,
      hasPowerLossProtection: 'unknown',
      atomicWriteBytesMax: 'unknown',
    })
  })

  test('an NVMe drive without a volatile cache is safe from power loss; one whose cache was declared away need not be', async () => {
    const of = (queue: Record<string, string>): Promise<DriveFacts> =>
      driveOf({ mountinfo: mounted('259:0', 'xfs', '/dev/nvme0n1'), ...sysfs(nvme(0, queue)) })
    const server = await of({ write_cache: 'write through', fua: '0', atomic_write_unit_max_bytes: '16384' })
    assert.deepEqual(
      [server.writeCache, server.hasPowerLossProtection, server.atomicWriteBytesMax],
      ['write through', true, 16384],
    )
    const declared = await of({ write_cache: 'write through', fua: '1', atomic_write_unit_max_bytes: '0' })
    assert.deepEqual(
      [declared.writeCache, declared.hasPowerLossProtection, declared.atomicWriteBytesMax],
      ['write through', 'unknown', 0],
    )
  })

  test('a SATA SSD and a hard disk', async () => {
    const solid = await driveOf({ mountinfo: mounted('8:1', 'xfs', '/dev/sda1'), ...sysfs(ssd('a', '8:0')) })
    assert.deepEqual(
      [solid.kind, solid.model, solid.isRotational, solid.queueDepth, solid.physicalSectorBytes],
      ['ssd', 'ATA Samsung SSD 860', false, 32, 512],
    )
    const spinning = await driveOf({ mountinfo: mounted('8:17', 'ext4', '/dev/sdb1'), ...sysfs(hdd('b', '8:16')) })
    assert.deepEqual(
      [
        spinning.kind,
        spinning.isRotational,
        spinning.physicalSectorBytes,
        spinning.writeCache,
        spinning.hasPowerLossProtection,
      ],
      ['hdd', true, 4096, 'write back', 'unknown'],
    )
  })

  test('LVM on dm-crypt on an NVMe drive: what sums it up from above, what the drive is from below', async () => {
    const drive = nvme(0)
    const crypt = {
      path: '/sys/devices/virtual/block/dm-0',
      number: '253:0',
      queue: { ...SOLID, logical_block_size: '4096', nr_requests: '128' },
      slaves: [`${drive.path}/nvme0n1p2`],
    }
    const volume = {
      path: '/sys/devices/virtual/block/dm-1',
      number: '253:1',
      queue: { ...SOLID, logical_block_size: '4096', write_cache: 'write back' },
      slaves: [crypt.path],
    }
    const facts = await driveOf({
      mountinfo: mounted('253:1', 'ext4', '/dev/mapper/vg-root'),
      ...sysfs(drive, crypt, volume),
    })
    assert.deepEqual(facts.devices, ['dm-1', 'dm-0', 'nvme0n1'])
    assert.deepEqual([facts.kind, facts.logicalSectorBytes, facts.queueDepth], ['nvme', 4096, 1023])
    assert.equal(facts.model, 'Samsung SSD 980 PRO 1TB')
  })

  test('RAID of two hard disks, and of two drives that have little in common', async () => {
    const raid = (...members: readonly Device[]): Recording => {
      const md = {
        path: '/sys/devices/virtual/block/md0',
        number: '9:0',
        queue: { logical_block_size: '512', physical_block_size: '4096', write_cache: 'write back', rotational: '1' },
        slaves: members.map(({ path }) => `${path}/${path.split('/').at(-1)}1`),
      }
      return { mountinfo: mounted('9:0', 'xfs', '/dev/md0'), ...sysfs(...members, md) }
    }
    const mirror = await driveOf(raid(hdd('a', '8:0'), hdd('b', '8:16')))
    assert.deepEqual([mirror.kind, mirror.devices, mirror.isRotational], ['hdd', ['md0', 'sda', 'sdb'], true])
    const odd = await driveOf(raid(hdd('a', '8:0'), ssd('b', '8:16')))
    assert.deepEqual([odd.kind, odd.isRotational, odd.model, odd.queueDepth], ['unknown', 'unknown', 'unknown', 32])
    assert.equal(odd.physicalSectorBytes, 4096)
  })

  test('btrfs, which has no device of its own: all of its members are found', async () => {
    const { texts, links } = sysfs(nvme(0), nvme(1, { logical_block_size: '4096' }))
    const id = '/sys/fs/btrfs/5c1b6f1e-7c0f-4a5c-9d8e-0a4c1c7b1b11/devices'
    const mountinfo = mounted('0:31', 'btrfs', '/dev/nvme0n1p2', 'rw,ssd,subvolid=256,subvol=/@')
    const one = await driveOf({ mountinfo, texts, links }, '/', '0:45')
    assert.deepEqual([one.kind, one.devices, one.logicalSectorBytes], ['nvme', ['nvme0n1'], 512])
    const members = {
      [`${id}/nvme0n1p2`]: `${nvme(0).path}/nvme0n1p2`,
      [`${id}/nvme1n1p1`]: `${nvme(1).path}/nvme1n1p1`,
    }
    const both = await driveOf({ mountinfo, texts, links: { ...links, ...members } }, '/', '0:45')
    assert.deepEqual([both.kind, both.devices, both.logicalSectorBytes], ['nvme', ['nvme0n1', 'nvme1n1'], 'unknown'])
  })

  test('overlay: that of its upper layer, where it can be seen', async () => {
    const options = 'rw,lowerdir=/var/lib/docker/overlay2/l/AB,upperdir=/var/lib/docker/overlay2/x/diff,workdir=/w'
    const mountinfo = mounted('0:52', 'overlay', 'overlay', options)
    const seen = await driveOf({
      mountinfo,
      ...sysfs(ssd('a', '8:0')),
      devices: { '/var/lib/docker/overlay2/x/diff': '8:1' },
    })
    assert.deepEqual([seen.kind, seen.devices], ['ssd', ['sda']])
    assert.deepEqual(await driveOf({ mountinfo, ...sysfs(ssd('a', '8:0')) }), UNKNOWN_DRIVE)
    const relative = mounted('0:52', 'overlay', 'overlay', 'rw,lowerdir=l,upperdir=diff,workdir=w')
    const devices = { diff: '8:1' }
    assert.deepEqual(await driveOf({ mountinfo: relative, ...sysfs(ssd('a', '8:0')), devices }), UNKNOWN_DRIVE)
  })

  test('a loop device, and what its image lies on', async () => {
    const loop = {
      path: '/sys/devices/virtual/block/loop3',
      number: '7:3',
      queue: { ...SOLID, nr_requests: '128', write_cache: 'write back' },
      texts: { 'loop/backing_file': '/images/disk.img' },
    }
    const recording = { mountinfo: mounted('7:3', 'ext4', '/dev/loop3'), ...sysfs(loop, hdd('a', '8:0')) }
    const facts = await driveOf({ ...recording, devices: { '/images/disk.img': '8:1' } })
    assert.deepEqual(
      [facts.kind, facts.devices, facts.isRotational, facts.queueDepth],
      ['loop', ['loop3', 'sda'], true, 128],
    )
    const hidden = await driveOf(recording)
    assert.deepEqual([hidden.kind, hidden.devices, hidden.isRotational], ['loop', ['loop3'], 'unknown'])
    // An image that lies on itself, as far as its name tells: in another name space for mounts, it means another file.
    const circular = await driveOf({ ...recording, devices: { '/images/disk.img': '7:3' } })
    assert.deepEqual([circular.kind, circular.devices], ['loop', ['loop3']])
  })

  test('drives of hypervisors', async () => {
    const virtio = {
      path: '/sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda',
      number: '254:0',
      queue: { ...SOLID, ...BACK, rotational: '1', nr_requests: '256' },
    }
    const plain = await driveOf({ mountinfo: mounted('254:0', 'ext4', '/dev/vda'), ...sysfs(virtio) })
    assert.deepEqual(
      [plain.kind, plain.isRotational, plain.model, plain.queueDepth],
      ['virtual', 'unknown', 'unknown', 256],
    )
    for (const [vendor, model] of [
      ['Msft    ', 'Virtual Disk    '],
      ['VMware  ', 'Virtual disk    '],
      ['ATA     ', 'VBOX HARDDISK   '],
      ['Google  ', 'PersistentDisk  '],
      ['ATA     ', 'QEMU HARDDISK   '],
    ] as const) {
      const device = disk('c', '8:32', { rotational: '1' }, { vendor, model })
      const facts = await driveOf({ mountinfo: mounted('8:32', 'ext4', '/dev/sdc'), ...sysfs(device) })
      assert.deepEqual([facts.kind, facts.isRotational], ['virtual', 'unknown'], model)
    }
    const cloud = nvme(0, { write_cache: 'write through', fua: '0' }, 'Amazon Elastic Block Store')
    const facts = await driveOf({ mountinfo: mounted('259:1', 'xfs', '/dev/nvme0n1p1'), ...sysfs(cloud) })
    assert.deepEqual([facts.kind, facts.hasPowerLossProtection], ['virtual', 'unknown'])
    const local = nvme(0, {}, 'Amazon EC2 NVMe Instance Storage')
    assert.equal(
      (await driveOf({ mountinfo: mounted('259:1', 'xfs', '/dev/nvme0n1p1'), ...sysfs(local) })).kind,
      'nvme',
    )
  })

  test('drives behind a network', async () => {
    const remote = nvme(0, {}, 'Linux', 'tcp')
    assert.equal(
      (await driveOf({ mountinfo: mounted('259:0', 'xfs', '/dev/nvme0n1'), ...sysfs(remote) })).kind,
      'network',
    )
    const iscsi = {
      path: '/sys/devices/platform/host3/session1/target3:0:0/3:0:0:1/block/sdd',
      number: '8:48',
      queue: SOLID,
      device: { vendor: 'LIO-ORG ', model: 'disk1           ' },
    }
    assert.equal((await driveOf({ mountinfo: mounted('8:48', 'xfs', '/dev/sdd'), ...sysfs(iscsi) })).kind, 'network')
    for (const [name, number] of [
      ['nbd0', '43:0'],
      ['rbd0', '252:0'],
      ['drbd0', '147:0'],
    ] as const) {
      const device = { path: `/sys/devices/virtual/block/${name}`, number, queue: SOLID }
      assert.equal((await driveOf({ mountinfo: mounted(number, 'xfs', name), ...sysfs(device) })).kind, 'network')
    }
  })

  test('a USB adapter says that anything turns; memory does not', async () => {
    const path = '/sys/devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host4/target4:0:0/4:0:0:0/block/sde'
    const stick = {
      path,
      number: '8:64',
      queue: { ...SOLID, rotational: '1' },
      device: { vendor: 'SanDisk ', model: 'Ultra' },
    }
    const facts = await driveOf({ mountinfo: mounted('8:64', 'vfat', '/dev/sde'), ...sysfs(stick) })
    assert.deepEqual([facts.kind, facts.isRotational, facts.model], ['unknown', 'unknown', 'SanDisk Ultra'])
    const zram = { path: '/sys/devices/virtual/block/zram0', number: '253:0', queue: SOLID }
    assert.equal((await driveOf({ mountinfo: mounted('253:0', 'ext4', '/dev/zram0'), ...sysfs(zram) })).kind, 'ram')
  })

  test('file systems that have no drive, and such as do not say which', async () => {
    const kinds: readonly (readonly [string, string, DriveFacts['kind']])[] = [
      ['nfs4', 'server:/export', 'network'],
      ['cifs', '//server/share', 'network'],
      ['fuse.sshfs', 'me@server:/', 'network'],
      ['tmpfs', 'tmpfs', 'ram'],
      ['9p', 'C:\\134', 'virtual'],
      ['virtiofs', 'share', 'virtual'],
      ['zfs', 'tank/data', 'unknown'],
      ['fuse', 'program', 'unknown'],
      ['somefs', 'none', 'unknown'],
    ]
    for (const [type, source, kind] of kinds) {
      assert.deepEqual(await driveOf({ mountinfo: mounted('0:60', type, source) }), { ...UNKNOWN_DRIVE, kind }, type)
    }
  })

  test('is unknown where sysfs is not there, or does not say', async () => {
    assert.deepEqual(await driveOf({ mountinfo: mounted('8:1', 'ext4', '/dev/sda1') }), UNKNOWN_DRIVE)
    const bare = {
      path: '/sys/devices/somewhere/sda',
      number: '8:0',
      queue: { nr_requests: 'many', write_cache: 'odd' },
    }
    assert.deepEqual(await driveOf({ mountinfo: mounted('8:0', 'ext4', '/dev/sda'), ...sysfs(bare) }), {
      ...UNKNOWN_DRIVE,
      devices: ['sda'],
    })
  })
})
