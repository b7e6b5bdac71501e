/**
 * What is known of a place to keep files in, and of the machine. Nothing in it is a guess: what cannot be found out is
 * 'unknown'. Sizes are in bytes.
 */
export interface PlatformFacts {
  /** The directory that these facts are of: where the path leads, or as far as it exists; without symbolic links. */
  readonly directory: string
  readonly platform: NodeJS.Platform
  /** The processor's architecture, as `process.arch` says it: 'x64', 'arm64' ... */
  readonly arch: string
  /** The release of the operating system's kernel: '6.18.1'. */
  readonly kernel: string
  readonly fileSystem: FileSystemFacts
  readonly drive: DriveFacts
  /** Files past the page cache: O_DIRECT. */
  readonly directIo: Capability
  /** Copies of a file that share its blocks until one of them is changed. */
  readonly reflink: Capability
  /** Giving back the blocks in the middle of a file. */
  readonly holePunching: Capability
  /** The time at which a file was made, without which a journal has no durable mark. */
  readonly birthTimes: Capability
  readonly ioUring: Capability
  /** The native addon of this package. */
  readonly addon: Capability
  readonly cpu: CpuFacts
  readonly memory: MemoryFacts
}

export type Unknown = 'unknown'

/** Whether something can be had here. */
export interface Capability {
  readonly isAvailable: boolean | Unknown
  /** Why not, or why it is not known. */
  readonly reason?: string
}

export interface FileSystemFacts {
  /** As the system calls it: 'ext4', 'xfs', 'nfs4', 'fuse.sshfs' ... */
  readonly type: string
  readonly class: FileSystemClass
  readonly mountPoint: string
  readonly isReadOnly: boolean | Unknown
  /** Whether files can be made in the directory by this process. */
  readonly isWritable: boolean | Unknown
  /** A mount option with which a sync promises less than it should: 'volatile', 'nobarrier'. */
  readonly syncWeakenedBy?: string
}

/**
 * Who makes a sync true: 'disk', a file system of this machine on block devices; 'overlay', the one beneath its upper
 * layer; 'network', a server; 'host', the host of this virtual machine, which shares a directory with it; 'fuse', a
 * program; 'memory', nobody, as nothing there survives the power, nor mostly the container.
 */
export type FileSystemClass = 'disk' | 'overlay' | 'network' | 'host' | 'fuse' | 'memory' | Unknown

/**
 * The drive beneath the file system. Where it lies on several, be it in turn or mirrored, each fact is what all have in
 * common, and otherwise unknown.
 */
export interface DriveFacts {
  readonly kind: DriveKind
  /** From the file system's own device down to the drives: 'dm-0', 'md0', 'nvme0n1', 'nvme1n1'. Empty where there are none. */
  readonly devices: readonly string[]
  /** What the drive calls itself. */
  readonly model: string
  readonly isRotational: boolean | Unknown
  /** The smallest unit that can be addressed. */
  readonly logicalSectorBytes: number | Unknown
  /** The smallest unit that is written without reading what is around it. */
  readonly physicalSectorBytes: number | Unknown
  /** 'write back': a write is in a volatile cache until it is flushed. 'write through': there is none, or it is not used. */
  readonly writeCache: 'write back' | 'write through' | Unknown
  /** How many requests it takes at a time. */
  readonly queueDepth: number | Unknown
  /** True where the drive has no volatile cache to lose. One that has may be protected all the same, and does not say. */
  readonly hasPowerLossProtection: true | Unknown
  /** The largest write that is kept whole over a power cut, if asked to; 0: none is announced. */
  readonly atomicWriteBytesMax: number | Unknown
}

/** 'ssd' is any device without moving parts but NVMe; 'virtual' is one whose real drive is the hypervisor's business. */
export type DriveKind = 'nvme' | 'ssd' | 'hdd' | 'virtual' | 'loop' | 'ram' | 'network' | Unknown

export interface CpuFacts {
  readonly model: string
  /** How many threads may run at the same time. */
  readonly parallelism: number
  /** An instruction for CRC-32C: SSE 4.2, or the CRC extension of ARM. */
  readonly hasCrc32c: boolean | Unknown
  /** Multiplication without carries: PCLMULQDQ, or PMULL. */
  readonly hasCarrylessMultiply: boolean | Unknown
  /** False where there can be none. */
  readonly hasAvx2: boolean | Unknown
}

export interface MemoryFacts {
  readonly totalBytes: number
  /** What this process and its container may use of it; undefined where nothing limits it. */
  readonly limitBytes?: number
}
