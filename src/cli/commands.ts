import type { Command } from './command.js'

/**
 * The commands, in the order of the help. Each is loaded when it is asked for: the code of all of them takes twice as long to
 * load as that of one.
 */
export const COMMANDS: ReadonlyMap<string, { readonly summary: string; readonly load: () => Promise<Command> }> =
  new Map([
    ['append', { summary: 'append lines, durably', load: async () => (await import('./append.js')).append }],
    ['cat', { summary: 'print the records', load: async () => (await import('./cat.js')).cat }],
    ['tail', { summary: 'print the last records, and follow', load: async () => (await import('./tail.js')).tail }],
    ['stat', { summary: 'records, sizes, tail, mark', load: async () => (await import('./stat.js')).stat }],
    ['verify', { summary: 'check a journal, by exit status', load: async () => (await import('./verify.js')).verify }],
    [
      'repair',
      { summary: 'cut off what is damaged, and save it', load: async () => (await import('./repair.js')).repair },
    ],
    ['reset', { summary: 'start over with an empty journal', load: async () => (await import('./reset.js')).reset }],
    ['unlock', { summary: 'remove a lock that nobody needs', load: async () => (await import('./unlock.js')).unlock }],
    [
      'doctor',
      {
        summary: 'what a disk does with a sync, and what serves best there',
        load: async () => (await import('./doctor.js')).doctor,
      },
    ],
  ])
