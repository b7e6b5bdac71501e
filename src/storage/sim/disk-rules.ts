/** What becomes of what no sync has covered: some of it survives, by chance, or none, or all. */
export type Survival = 'some' | 'none' | 'all'

/** How a disk behaves, and the system in front of it: the knobs, which are set when the disk is made. */
export interface DiskRules {
  /**
   * What the device writes whole or not at all, in bytes: 512, 1024, 2048 or 4096. Default 512. Real disks: 4096 inside for
   * a decade, and most promise 512; the larger, the fewer states a power cut can leave.
   */
  readonly sectorBytes: number
  /**
   * The chance that a sector which a power cut lets survive is torn: its first bytes new, the others old. Default 0, which
   * is what nearly all devices keep; some hard disks and cheap flash do not.
   */
  readonly tornSectorChance: number
  /**
   * Whether unsynced writes to one file survive in any order, sector by sector, or in theirs: a prefix of them, and of the
   * next one the first sectors. Default 'any', as with every write-back cache. 'in-order' is what a file system that
   * journals data comes to; sizes then go with the data, and `unsyncedSizes` says nothing.
   */
  readonly writeOrder: 'any' | 'in-order'
  /** What a power cut leaves of data that no sync has covered. Default 'some'. */
  readonly unsyncedData: Survival
  /** What it leaves of changes of size, in their order. Default 'some'; 'none' and `unsyncedData: 'all'` lose appends. */
  readonly unsyncedSizes: Survival
  /**
   * What it leaves of names that were made, replaced or removed without a sync of their directory, in the order within each
   * directory. Default 'some'. ext4, XFS and Btrfs keep the name of a new file that was itself synced; nothing promises it.
   */
  readonly unsyncedNames: Survival
  /**
   * What a sync that fails leaves to be written by the next one. Default 'some': the rest is lost though the next sync
   * succeeds, as on Linux. 'all': as on FreeBSD, where pages stay dirty. A successful sync is needed for that in any case.
   */
  readonly failedSyncKeeps: Survival
  /**
   * What reads see of data that a failed sync has lost. Default 'kept': the new data, as from the page cache of ext4 and XFS,
   * until `dropCache` or a power cut. 'dropped': what the disk has, as on Btrfs.
   */
  readonly failedSyncCache: 'kept' | 'dropped'
  /** No file gets larger, in bytes: a short count first, then EFBIG. Default: no limit. Real: `ulimit -f`, FAT's 4 GiB. */
  readonly fileBytesMax: number
  /** A process that has so many files open gets EMFILE. Default: no limit. Real: `ulimit -n`, often 1024. */
  readonly openFilesMax: number
  /** False: every birth time is 0, as on file systems that keep none. Default true. */
  readonly birthTimes: boolean
  /** False: `syncDirectory` answers false and does nothing, as on Windows. Default true. */
  readonly directorySync: boolean
  /** Whether files can share what they hold (`cloneFrom`). Default false, as on ext4; XFS and Btrfs can. */
  readonly reflinks: boolean
  /** Whether the kernel copies from file to file (`copyFrom`). Default true. */
  readonly kernelCopies: boolean
  /** Whether a range can be given back (`punchHole`). Default true. */
  readonly holes: boolean
  /**
   * Whether a write and its sync can be one call, unfinished writes can be waited for, and many small files of a directory are
   * replaced in one call, as by the native addon (`writeAndSync`, `writeThrough`, `finishSync`, `replaceFiles`). Default false.
   */
  readonly oneTrip: boolean
  /** Whether blocks can be set aside (`preallocate`). Default true. */
  readonly preallocation: boolean
  /** Whether open files can be locked (`lock`). Default true. */
  readonly fileLocks: boolean
  /** Whether extended attributes and access control lists can be given (`copyAttributes`), as by the native addon. Default true. */
  readonly attributes: boolean
  /** Which permission bits new files and directories do not get, whatever is asked for. Default 0. */
  readonly umask: number
  /** The chance that a new file gets the inode number of one that is gone. Default 1/2; ext4 does it often. */
  readonly inodeReuse: number
}

export const DEFAULT_RULES: DiskRules = {
  sectorBytes: 512,
  tornSectorChance: 0,
  writeOrder: 'any',
  unsyncedData: 'some',
  unsyncedSizes: 'some',
  unsyncedNames: 'some',
  failedSyncKeeps: 'some',
  failedSyncCache: 'kept',
  fileBytesMax: Infinity,
  openFilesMax: Infinity,
  birthTimes: true,
  directorySync: true,
  reflinks: false,
  kernelCopies: true,
  holes: true,
  oneTrip: false,
  preallocation: true,
  fileLocks: true,
  attributes: true,
  umask: 0,
  inodeReuse: 0.5,
}

export function checkRules(rules: DiskRules): void {
  const { sectorBytes, tornSectorChance, inodeReuse, fileBytesMax, openFilesMax } = rules
  mustBe([512, 1024, 2048, 4096].includes(sectorBytes), `no device has sectors of ${sectorBytes} bytes`)
  for (const chance of [tornSectorChance, inodeReuse])
    mustBe(chance >= 0 && chance <= 1, `a chance is from 0 to 1, and this is ${chance}`)
  for (const limit of [fileBytesMax, openFilesMax])
    mustBe(limit >= 0 && !Number.isNaN(limit), `a limit is a number from 0 on, and this is ${limit}`)
  const { writeOrder, failedSyncCache, unsyncedData, unsyncedSizes, unsyncedNames, failedSyncKeeps } = rules
  for (const survival of [unsyncedData, unsyncedSizes, unsyncedNames, failedSyncKeeps])
    mustBe(['some', 'none', 'all'].includes(survival), `what survives is some, none or all, not ${survival}`)
  mustBe(['any', 'in-order'].includes(writeOrder), `there is no write order ${writeOrder}`)
  mustBe(['kept', 'dropped'].includes(failedSyncCache), `a cache is kept or dropped, not ${failedSyncCache}`)
}

function mustBe(holds: boolean, message: string): void {
  if (!holds) throw new RangeError(message)
}
