import type { CpuFacts, Unknown } from '../facts.js'

/** What the processor can do, from /proc/cpuinfo, where there is one. */
export function describeCpu(
  arch: string,
  cpuinfo: string | undefined,
): Pick<CpuFacts, 'hasCrc32c' | 'hasCarrylessMultiply' | 'hasAvx2'> {
  const isX86 = arch === 'x64' || arch === 'ia32'
  // 'flags' on x86, 'Features' on ARM; other processors call what they have by other names.
  const line = isX86 || arch.startsWith('arm') ? /^(?:flags|Features)\s*:(.*)$/mu.exec(cpuinfo ?? '')?.[1] : undefined
  const flags = line === undefined ? undefined : new Set(line.trim().split(/\s+/u))
  const has = (flag: string): boolean | Unknown => flags?.has(flag) ?? 'unknown'
  return {
    hasCrc32c: has(isX86 ? 'sse4_2' : 'crc32'),
    hasCarrylessMultiply: has(isX86 ? 'pclmulqdq' : 'pmull'),
    hasAvx2: isX86 ? has('avx2') : false,
  }
}
