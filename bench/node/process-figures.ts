import { readFileSync } from 'node:fs'

/** CPU time of this process so far, user and system, all threads. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/**
 * The most memory that this process had resident, in bytes. Not `maxRSS` where there is something better: Linux counts what
 * the parent had before the program was loaded.
 */
export function peakMemoryBytes(): number {
  try {
    const [, kib] = /^VmHWM:\s+(\d+) kB$/mu.exec(readFileSync('/proc/self/status', 'latin1')) ?? []
    if (kib !== undefined) return Number(kib) * 1024
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024
}
