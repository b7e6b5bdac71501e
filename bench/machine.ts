import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem, type as systemType } from 'node:os'

/** Where it ran: without that, a figure says nothing. */
export function describeMachine(directory: string): string[] {
  const [cpu] = cpus()
  return [
    `${cpu?.model ?? 'unknown CPU'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `${systemType()} ${release()}, ${fileSystemOf(directory)}`,
    [`Node.js ${process.version}`, ...['cc', 'rustc', 'go'].flatMap(versionOf)].join(', '),
  ]
}

/** What stands between a sync and the medium decides the figures: the file system, and the cache of the device. */
function fileSystemOf(path: string): string {
  const fits = (read('/proc/mounts') ?? '')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, at = '?']) => path === at || path.startsWith(at.endsWith('/') ? at : `${at}/`))
  const [device, , type] = fits.toSorted(([, one = ''], [, other = '']) => other.length - one.length)[0] ?? []
  if (device === undefined || type === undefined) return 'unknown file system'
  const queue = `/sys/class/block/${device.replace('/dev/', '')}/queue`
  const cache = read(`${queue}/write_cache`)
  if (cache === undefined) return `${type} on ${device}`
  return `${type} on ${device} (${cache}${read(`${queue}/fua`) === '1' ? ', FUA' : ', no FUA'})`
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
