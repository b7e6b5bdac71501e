import type { Engine } from '../platform/engine.js'
import type { Capability, PlatformFacts } from '../platform/facts.js'
import type { MethodChoice } from '../platform/plan.js'
import type { Advice } from './advice.js'
import { SYNCED_BYTES, type SyncLatency } from './sync-latency.js'
import { chart, count, plain, table } from './text.js'

/** All that was found out. */
export interface Diagnosed {
  readonly facts: PlatformFacts
  /** What files are written with. */
  readonly method: MethodChoice
  /** What journals are written with; undefined where FSYS_ENGINE names what cannot be had. */
  readonly engines: { readonly cached: EngineInUse; readonly direct: EngineInUse } | undefined
  readonly checksum: { readonly engine: string; readonly reason?: string | undefined }
  readonly isDirectorySynced: boolean | 'unknown'
  readonly latency: SyncLatency
  readonly advice: readonly Advice[]
}

export interface EngineInUse {
  readonly engine: Engine
  readonly reason?: string
}

/** For people. */
export function describeDiagnosis(path: string, diagnosed: Diagnosed): string {
  const { facts, latency, advice } = diagnosed
  const sections = [
    `${plain(path)}:\n${table(placeRows(facts))}`,
    `here would be used:\n${table(choiceRows(diagnosed))}`,
    `can be had here:\n${table(capabilityRows(facts))}`,
    describeLatency(latency),
  ]
  const lines = advice.map(({ isProblem, code, text }) => `  ${isProblem ? 'PROBLEM' : 'hint'} ${code}: ${text}\n`)
  if (lines.length > 0) sections.push(`advice:\n${lines.join('')}`)
  return sections.join('\n')
}

type Rows = readonly (readonly [string, string | number])[]

function placeRows({ directory, fileSystem, drive, platform, arch, kernel, cpu, memory }: PlatformFacts): Rows {
  const { type, class: kind, mountPoint, isReadOnly } = fileSystem
  const { logicalSectorBytes, physicalSectorBytes, writeCache, queueDepth, atomicWriteBytesMax } = drive
  const devices = drive.devices.length === 0 ? '' : ` (${drive.devices.join(', ')})`
  const model = drive.model === 'unknown' ? '' : `, ${drive.model}`
  const isSafe = drive.hasPowerLossProtection === true ? ', and nothing volatile to lose' : ''
  const limit = memory.limitBytes === undefined ? '' : `, of which this process may use ${mebibytes(memory.limitBytes)}`
  return [
    ['directory', directory],
    ['file system', `${type} (${kind}) mounted on ${mountPoint}${isReadOnly === true ? ', read-only' : ''}`],
    ['drive', `${drive.kind}${devices}${model}`],
    ['sector bytes', `${logicalSectorBytes}, physically ${physicalSectorBytes}`],
    ['write cache', `${writeCache}${isSafe}`],
    ['atomic bytes', atomicWriteBytesMax === 0 ? 'none announced' : atomicWriteBytesMax],
    ['queue depth', queueDepth],
    ['system', `${platform} ${kernel}, ${arch}`],
    ['processor', `${count(cpu.parallelism, 'thread')}, ${cpu.model}`],
    ['memory', `${mebibytes(memory.totalBytes)}${limit}`],
  ]
}

function choiceRows({ method, engines, checksum, facts }: Diagnosed): Rows {
  const rows: [string, string][] = [['files', `${method.method}, by ${method.primitive}${because(method.reason)}`]]
  if (engines !== undefined) {
    const { cached, direct } = engines
    rows.push(['journals', `${cached.engine}${because(cached.reason)}`])
    rows.push(['in direct mode', `${direct.engine}${because(direct.reason)}`])
  }
  rows.push(['checksums', `${checksum.engine}${because(checksum.reason)}`])
  rows.push(['durable mark', facts.birthTimes.isAvailable === true ? 'on' : capability(facts.birthTimes)])
  return rows
}

function because(reason: string | undefined): string {
  return reason === undefined ? '' : `: ${reason}`
}

function capabilityRows(facts: PlatformFacts): Rows {
  const { cpu } = facts
  const names = [
    ['CRC-32C', cpu.hasCrc32c],
    ['carry-less multiplication', cpu.hasCarrylessMultiply],
    ['AVX2', cpu.hasAvx2],
  ] as const
  const instructions = names.map(([name, has]) => `${name} ${has === 'unknown' ? has : has ? 'yes' : 'no'}`)
  return [
    ['native addon', capability(facts.addon)],
    ['io_uring', capability(facts.ioUring)],
    ['direct I/O', capability(facts.directIo)],
    ['reflinks', capability(facts.reflink)],
    ['hole punching', capability(facts.holePunching)],
    ['birth times', capability(facts.birthTimes)],
    ['instructions', instructions.join(', ')],
  ]
}

function capability({ isAvailable, reason }: Capability): string {
  const word = isAvailable === 'unknown' ? 'unknown' : isAvailable ? 'yes' : 'no'
  return `${word}${because(reason)}`
}

function describeLatency({ us }: SyncLatency): string {
  if (us.count === 0) return 'no sync was measured\n'
  const of = (part: number): number => us.quantile(part)
  const rows: Rows = [
    ['us', `min ${us.min}, p50 ${of(0.5)}, p90 ${of(0.9)}, p99 ${of(0.99)}, p99.9 ${of(0.999)}, max ${us.max}`],
  ]
  const title = `${count(us.count, 'sync')} of ${SYNCED_BYTES} bytes, one after the other`
  return `${title}:\n${table(rows)}${chart('us and syncs', us.histogram())}`
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`
}
