import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { cpus, release, totalmem, type as systemType } from 'node:os'

/** Where it ran: without that, a figure says nothing. */
export function describeMachine(directory: string): string[] {
  const [cpu] = cpus()
  return [
    `${cpu?.model ?? 'unknown CPU'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `${systemType()} ${release()}, ${fileSystemOf(directory)}`,
    costOfMemory(),
    [`Node.js ${process.version}`, ...['cc', 'rustc', 'go'].flatMap(versionOf)].join(', '),
  ]
}

/**
 * A virtual machine that gives free memory back to its host pays for it when it is used again: whatever makes the page cache
 * grow by much then waits for that, and not for the disk.
 */
function costOfMemory(): string {
  const memory = Buffer.allocUnsafeSlow(2 ** 30)
  const [first, second] = [1, 2].map((value) => {
    const begun = performance.now()
    memory.fill(value)
    return ((performance.now() - begun) * 1000 * 2 ** 20) / memory.length
  }) as [number, number]
  return `a MiB of memory takes ${first.toFixed(0)} us to fill when it is new, ${second.toFixed(0)} us the next time`
}

/** What stands between a sync and the medium decides the figures: the file system, and the cache of the device. */
function fileSystemOf(path: string): string {
  const fits = (read('/proc/mounts') ?? '')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, at = '?']) => path === at || path.startsWith(at.endsWith('/') ? at : `${at}/`))
  const [device, , type, options = ''] =
    fits.toSorted(([, one = ''], [, other = '']) => other.length - one.length)[0] ?? []
  if (device === undefined || type === undefined) return 'unknown file system'
  const name = device.replace('/dev/', '')
  const journal = type === 'ext4' && hasNoJournal(name) ? ' without a journal' : ''
  const discards = options.split(',').includes('discard') ? ', mounted with discard' : ''
  const what = `${type}${journal} on ${device}${discards}`
  const queue = `/sys/class/block/${name}/queue`
  const cache = read(`${queue}/write_cache`)
  if (cache === undefined) return what
  return `${what} (${cache}${read(`${queue}/fua`) === '1' ? ', FUA' : ', no FUA'})`
}

/** A sync of a file that has grown is then no commit of the file system's journal, and takes less time than on most machines. */
function hasNoJournal(device: string): boolean {
  if (!existsSync(`/proc/fs/ext4/${device}`) || !existsSync('/proc/fs/jbd2')) return false
  return readdirSync('/proc/fs/jbd2').every((name) => !name.startsWith(`${device}-`))
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

function versionOf(tool: string): string[] {
  try {
    const options = [tool === 'go' ? 'version' : '--version']
    const [line = ''] = execFileSync(tool, options, { encoding: 'utf8', stdio: 'pipe' }).split('\n')
    return [line.replace(/^go version /u, '')]
  } catch {
    return []
  }
}
