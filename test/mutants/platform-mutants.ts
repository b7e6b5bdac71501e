import type { Mutant } from './mutant.js'

/** Faults in what is made of the facts of a place. */
export const platformMutants: readonly Mutant[] = [
  {
    name: 'a file server is trusted to know what fdatasync is to cover',
    breaks: 'D1',
    file: 'src/platform/plan.ts',
    find: "return { method: 'sync', reason: `${type}: somebody else",
    replace: "return { method: 'data', reason: `${type}: somebody else",
    caughtBy: { test: 'unit/platform/plan', named: 'Linux, network, host, fuse' },
  },
  {
    name: 'a mount option that weakens syncs goes unnoticed',
    breaks: 'D1',
    file: 'src/platform/probe/file-systems.ts',
    find: 'mount.options.find((option) => WEAKENING_OPTIONS.has(option))',
    replace: 'mount.options.find((option) => option === WEAKENING_OPTIONS.size.toString())',
    caughtBy: { test: 'unit/platform/probe/parsing', named: 'sync less than they should' },
  },
  {
    name: 'a drive whose cache was declared away counts as safe from power loss',
    breaks: 'D1',
    file: 'src/platform/probe/drive.ts',
    find: "cache === 'write through' && fua === '0'",
    replace: "cache === 'write through' && fua !== undefined",
    caughtBy: { test: 'unit/platform/probe/drive', named: 'declared away' },
  },
]
