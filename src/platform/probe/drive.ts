import { basename, dirname } from 'node:path'

import type { DriveFacts, DriveKind, FileSystemClass, Unknown } from '../facts.js'
import { type Mount, mountOption } from './mount-info.js'
import type { SystemFiles } from './system-files.js'

/** Where a file system is, as far as it takes to find its drives. */
export interface Place {
  /** Of the file system: '254:1'. */
  readonly device: string
  readonly mount: Mount | undefined
  readonly class: FileSystemClass
}

/**
 * Finds the drives beneath a file system in sysfs: from a partition to its disk, from device mapper, RAID and loop devices
 * to what they are made of. Devices that cannot be found are no drives: all is unknown then.
 *
 * Sector sizes, the write cache and atomic writes are those of the uppermost device, which sums up what is beneath it; the
 * rest is what the drives at the bottom have in common.
 */
export async function findDrive(files: SystemFiles, place: Place): Promise<DriveFacts> {
  const kind = KIND_WITHOUT_DEVICE[place.class]
  if (kind !== undefined) return { ...UNKNOWN_DRIVE, kind }
  const tops = await topDevices(files, place)
  const stacks = await Promise.all(tops.map((path) => descend(files, path, NESTING_MAX)))
  const ends = stacks.flatMap((stack) => stack.ends)
  if (ends.length === 0) return UNKNOWN_DRIVE
  const queues = await Promise.all(tops.map((path) => queueFacts(files, path)))
  return {
    kind: common(ends.map((end) => end.kind)),
    devices: [...new Set(stacks.flatMap((stack) => stack.names))],
    model: common(ends.map((end) => end.model)),
    isRotational: common(ends.map((end) => end.isRotational)),
    logicalSectorBytes: common(queues.map((queue) => queue.logicalSectorBytes)),
    physicalSectorBytes: common(queues.map((queue) => queue.physicalSectorBytes)),
    writeCache: common(queues.map((queue) => queue.writeCache)),
    queueDepth: common(ends.map((end) => end.queueDepth)),
    hasPowerLossProtection: common(ends.map((end) => end.hasPowerLossProtection)),
    atomicWriteBytesMax: common(queues.map((queue) => queue.atomicWriteBytesMax)),
  }
}

export const UNKNOWN_DRIVE: DriveFacts = {
  kind: 'unknown',
  devices: [],
  model: 'unknown',
  isRotational: 'unknown',
  logicalSectorBytes: 'unknown',
  physicalSectorBytes: 'unknown',
  writeCache: 'unknown',
  queueDepth: 'unknown',
  hasPowerLossProtection: 'unknown',
  atomicWriteBytesMax: 'unknown',
}

const KIND_WITHOUT_DEVICE: Partial<Record<FileSystemClass, DriveKind>> = {
  network: 'network',
  host: 'virtual',
  memory: 'ram',
}

/** Loops on files on loops: whoever nests them deeper than this is left alone. */
const NESTING_MAX = 8

/** Where sysfs has the device of the file system; or the devices, where it lies on several by itself. */
async function topDevices(files: SystemFiles, { device, mount }: Place): Promise<string[]> {
  const upper = mount === undefined ? undefined : mountOption(mount, 'upperdir')
  // Seen from a container, the path of the upper layer is mostly not there, and the drive is not known. Nor is it where
  // whoever mounted it gave a path from where he stood.
  const number = upper === undefined ? device : upper.startsWith('/') ? await files.device(upper) : undefined
  if (number === undefined) return []
  if (!number.startsWith('0:')) return [await diskOf(files, `/sys/dev/block/${number}`)].filter((path) => path !== '')
  if (mount === undefined || upper !== undefined) return []
  const sources = mount.source.split(':').filter((source) => source.startsWith('/dev/'))
  const names = await Promise.all(sources.map(async (source) => basename((await files.real(source)) ?? source)))
  const all = mount.type === 'btrfs' ? await membersOfBtrfs(files, names[0]) : names
  const paths = await Promise.all(all.map((name) => diskOf(files, `/sys/class/block/${name}`)))
  return paths.includes('') ? [] : [...new Set(paths)]
}

/** A btrfs names one of its devices only. */
async function membersOfBtrfs(files: SystemFiles, name: string | undefined): Promise<readonly string[]> {
  if (name === undefined) return []
  const ids = await files.names('/sys/fs/btrfs')
  const groups = await Promise.all(ids.map((id) => files.names(`/sys/fs/btrfs/${id}/devices`)))
  return groups.find((group) => group.includes(name)) ?? [name]
}

/** The path of the disk that a block device is, or is a partition of; '' if there is none. */
async function diskOf(files: SystemFiles, link: string): Promise<string> {
  const path = await files.real(link)
  if (path === undefined) return ''
  return (await files.text(`${path}/partition`)) === undefined ? path : dirname(path)
}

/** A drive at the bottom. */
interface End extends Pick<DriveFacts, 'kind' | 'model' | 'isRotational' | 'queueDepth' | 'hasPowerLossProtection'> {}

interface Stack {
  readonly names: readonly string[]
  readonly ends: readonly End[]
}

async function descend(files: SystemFiles, path: string, depth: number): Promise<Stack> {
  const name = basename(path)
  const below = depth === 0 ? [] : await devicesBelow(files, path)
  const stacks = await Promise.all(below.map((disk) => descend(files, disk, depth - 1)))
  const names = [name, ...stacks.flatMap((stack) => stack.names)]
  const ends = stacks.flatMap((stack) => stack.ends)
  if (name.startsWith('loop')) {
    const isRotational = common(ends.map((end) => end.isRotational))
    return { names, ends: [{ ...(await describeEnd(files, path)), isRotational }] }
  }
  return { names, ends: ends.length > 0 ? ends : [await describeEnd(files, path)] }
}

async function devicesBelow(files: SystemFiles, path: string): Promise<string[]> {
  const slaves = (await files.names(`${path}/slaves`)).toSorted()
  const links = slaves.map((name) => `${path}/slaves/${name}`)
  const image = await files.text(`${path}/loop/backing_file`)
  const device = image === undefined ? undefined : await files.device(image)
  if (device !== undefined) links.push(`/sys/dev/block/${device}`)
  const disks = await Promise.all(links.map((link) => diskOf(files, link)))
  return disks.filter((disk) => disk !== '')
}

async function describeEnd(files: SystemFiles, path: string): Promise<End> {
  const name = basename(path)
  const [model = '', vendor = '', rotational, depth, requests, cache, fua, transport] = await Promise.all(
    [
      'device/model',
      'device/vendor',
      'queue/rotational',
      'device/queue_depth',
      'queue/nr_requests',
      'queue/write_cache',
      'queue/fua',
      'device/transport',
    ].map((file) => files.text(`${path}/${file}`)),
  )
  // A number there is the vendor's in PCI, which says nothing here.
  const fullName = (vendor.startsWith('0x') ? model : `${vendor.trim()} ${model.trim()}`).trim()
  const kind = kindOf({ name, path, fullName, rotational, transport })
  return {
    kind,
    model: fullName === '' ? 'unknown' : fullName,
    isRotational: kind === 'hdd' ? true : SOLID_KINDS.has(kind) ? false : 'unknown',
    queueDepth: numberOf(depth ?? requests),
    // An NVMe drive without a volatile cache offers no writes around it. One whose cache somebody has declared away does.
    hasPowerLossProtection: kind === 'nvme' && cache === 'write through' && fua === '0' ? true : 'unknown',
  }
}

const SOLID_KINDS: ReadonlySet<DriveKind> = new Set(['nvme', 'ssd', 'ram'])

interface Traits {
  readonly name: string
  readonly path: string
  readonly fullName: string
  readonly rotational: string | undefined
  readonly transport: string | undefined
}

function kindOf({ name, path, fullName, rotational, transport }: Traits): DriveKind {
  if (name.startsWith('loop')) return 'loop'
  if (/^z?ram\d/u.test(name)) return 'ram'
  // NVMe over a network; SCSI over one has a session in its path.
  if (/^(?:nbd|rbd|drbd)\d/u.test(name) || /^(?:tcp|rdma|fc)$/u.test(transport ?? '')) return 'network'
  if (/\/session\d+\//u.test(path)) return 'network'
  if (/^(?:vd|xvd)[a-z]/u.test(name) || path.includes('/virtio') || VIRTUAL_MODELS.test(fullName)) return 'virtual'
  if (name.startsWith('nvme')) return 'nvme'
  if (rotational === '0') return 'ssd'
  // Adapters for USB do not pass it on, and then it is 1.
  return rotational === '1' && !path.includes('/usb') ? 'hdd' : 'unknown'
}

/** What hypervisors call their drives. */
const VIRTUAL_MODELS =
  /QEMU|VBOX|VirtualBox|VMware|Virtual[ _]Disk|Msft|MSFT|Google|nvme_card|Amazon Elastic Block Store|BHYVE|XENSRC|PVDISK/u

type QueueFacts = Pick<DriveFacts, 'logicalSectorBytes' | 'physicalSectorBytes' | 'writeCache' | 'atomicWriteBytesMax'>

async function queueFacts(files: SystemFiles, path: string): Promise<QueueFacts> {
  const [logical, physical, cache, atomic] = await Promise.all(
    ['logical_block_size', 'physical_block_size', 'write_cache', 'atomic_write_unit_max_bytes'].map((file) =>
      files.text(`${path}/queue/${file}`),
    ),
  )
  return {
    logicalSectorBytes: numberOf(logical),
    physicalSectorBytes: numberOf(physical),
    writeCache: cache === 'write back' || cache === 'write through' ? cache : 'unknown',
    atomicWriteBytesMax: numberOf(atomic),
  }
}

function numberOf(text: string | undefined): number | Unknown {
  return text !== undefined && /^\d{1,15}$/u.test(text) ? Number(text) : 'unknown'
}

/** What all of them are; unknown if they differ, or there are none. */
function common<Value>(values: readonly Value[]): Value | Unknown {
  const [first] = values
  return first !== undefined && values.every((value) => value === first) ? first : 'unknown'
}
