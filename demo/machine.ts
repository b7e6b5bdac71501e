import { readFileSync, realpathSync } from 'node:fs'
import * as os from 'node:os'

/** The machine, in a line. */
export function describeMachine(): string {
  const model = os.cpus()[0]?.model.trim() ?? 'unknown CPU'
  const memory = `${(os.totalmem() / 2 ** 30).toFixed(0)} GiB of memory`
  const system = `${os.type()} ${os.release()} ${os.arch()}`
  return `${model}, ${os.availableParallelism()} cores, ${memory}; ${system}; Node.js ${process.version}`
}

/** The kind of file system that a directory lies on, where the system tells: 'ext4'. */
export function fileSystemOf(directory: string): string | undefined {
  let mounts: string
  try {
    mounts = readFileSync('/proc/self/mounts', 'utf8')
  } catch {
    return undefined
  }
  const path = `${realpathSync(directory)}/`
  let best = { point: '', type: '' }
  for (const line of mounts.split('\n')) {
    const [, escaped = '', type = ''] = line.split(' ')
    const point = unescape(escaped)
    const isAbove = point !== '' && path.startsWith(point.endsWith('/') ? point : `${point}/`)
    // A later mount at the same place covers an earlier one.
    if (isAbove && point.length >= best.point.length) best = { point, type }
  }
  return best.type || undefined
}

/** Spaces in a mount point stand as `\040` (proc_mounts(5), fstab(5)). */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/gu, (_, digits: string) => String.fromCodePoint(Number.parseInt(digits, 8)))
}

/** File systems that live in memory: a sync there has nothing to wait for. */
export function isInMemory(fileSystem: string | undefined): boolean {
  return fileSystem === 'tmpfs' || fileSystem === 'ramfs'
}
