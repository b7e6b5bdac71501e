import type { Capability, FileSystemClass, FileSystemFacts, Unknown } from '../facts.js'
import { type Mount, mountOption } from './mount-info.js'

/** Of a mount, or, where that is not to be found, of the number that statfs(2) tells. */
export function describeFileSystem(
  mount: Mount | undefined,
  number: number | undefined,
  isWritable: boolean | Unknown,
): FileSystemFacts {
  const type = mount?.type ?? (number === undefined ? 'unknown' : typeOfNumber(number))
  const weakened = mount === undefined ? undefined : syncWeakenedBy(mount)
  return {
    type,
    class: classOf(type),
    mountPoint: mount?.mountPoint ?? 'unknown',
    isReadOnly: mount === undefined ? 'unknown' : isReadOnly(mount),
    isWritable,
    ...(weakened === undefined ? {} : { syncWeakenedBy: weakened }),
  }
}

/** Who makes a sync on it true. */
export function classOf(type: string): FileSystemClass {
  return CLASS_OF_TYPE.get(type) ?? (type.startsWith('fuse') ? 'fuse' : 'unknown')
}

/** What statfs(2) says, where the mount is not to be found. Several file systems can share a number. */
export function typeOfNumber(number: number): string {
  // Of 32 bits, and signed on some platforms.
  return TYPE_OF_NUMBER.get(number >>> 0) ?? 'unknown'
}

/** The option with which a sync promises less than it should: it is not passed on, or the device's cache is not flushed. */
export function syncWeakenedBy(mount: Mount): string | undefined {
  return mount.options.find((option) => WEAKENING_OPTIONS.has(option))
}

export function isReadOnly(mount: Mount): boolean {
  return mountOption(mount, 'ro') !== undefined
}

/** What is certain of a file system that cannot be tried out. */
export interface Knowledge {
  readonly directIo?: Capability
  readonly reflink?: Capability
  readonly holePunching?: Capability
}

export function knowledgeOf(type: string): Knowledge {
  return KNOWLEDGE.get(type) ?? {}
}

const CLASSES: Readonly<Record<Exclude<FileSystemClass, 'unknown' | 'fuse'>, string>> = {
  disk: 'ext2 ext3 ext4 xfs btrfs bcachefs f2fs jfs nilfs2 reiserfs zfs vfat msdos exfat ntfs3 udf ubifs jffs2 ext2/3/4',
  overlay: 'overlay aufs',
  network:
    'nfs nfs4 cifs smb3 smbfs ceph lustre gpfs afs beegfs orangefs ncpfs fuse.sshfs fuse.glusterfs fuse.rclone fuse.s3fs ' +
    'fuse.gcsfuse fuse.ceph fuse.mountpoint-s3',
  host: '9p virtiofs vboxsf vmhgfs fuse.vmhgfs-fuse prl_fs drvfs lxfs wslfs fuse.grpcfuse fakeowner',
  memory: 'tmpfs ramfs devtmpfs rootfs hugetlbfs',
}

const CLASS_OF_TYPE: ReadonlyMap<string, FileSystemClass> = new Map(
  Object.entries(CLASSES).flatMap(([kind, types]) =>
    types.split(' ').map((type) => [type, kind as FileSystemClass] as const),
  ),
)

/** From linux/magic.h, and those of bcachefs, CIFS, f2fs and ZFS from their own sources. */
const TYPE_OF_NUMBER: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext2/3/4'],
  [0x5846_5342, 'xfs'],
  [0x9123_683e, 'btrfs'],
  [0xca45_1a4e, 'bcachefs'],
  [0xf2f5_2010, 'f2fs'],
  [0x2fc1_2fc1, 'zfs'],
  [0x4d44, 'vfat'],
  [0x2011_bab0, 'exfat'],
  [0x794c_7630, 'overlay'],
  [0x6969, 'nfs'],
  [0xff53_4d42, 'cifs'],
  [0xfe53_4d42, 'smb3'],
  [0x517b, 'smbfs'],
  [0x00c3_6400, 'ceph'],
  [0x0bd0_0bd0, 'lustre'],
  [0x0102_1997, '9p'],
  [0x786f_4256, 'vboxsf'],
  [0x6573_5546, 'fuse'],
  [0x0102_1994, 'tmpfs'],
  [0x8584_58f6, 'ramfs'],
  [0x9584_58f6, 'hugetlbfs'],
])

/** Of overlay, by its names in older and newer kernels; of ext4, older XFS and btrfs; of f2fs. */
const WEAKENING_OPTIONS: ReadonlySet<string> = new Set([
  'volatile',
  'fsync=volatile',
  'nobarrier',
  'barrier=0',
  'fsync_mode=nobarrier',
])

const YES: Capability = { isAvailable: true }
const NO_REFLINK: Knowledge = { reflink: { isAvailable: false, reason: 'this file system does not share blocks' } }

const KNOWLEDGE: ReadonlyMap<string, Knowledge> = new Map([
  ...['ext2', 'ext3', 'ext4', 'ext2/3/4', 'vfat', 'exfat'].map((type) => [type, NO_REFLINK] as const),
  ['tmpfs', { ...NO_REFLINK, holePunching: YES }],
  ['xfs', { directIo: YES, holePunching: YES }],
  ['btrfs', { reflink: YES, holePunching: YES }],
])
