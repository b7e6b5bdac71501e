// Runs the workload under one fault after the other: `injector <root> <cached|direct> <seed> <part> <parts> <share>`. Of the faults, it
// takes those of its part; of the calls that each can meet, one in `share`. It says what it does in lines of JSON.
import { mkdirSync, openSync, readFileSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'

import { FsysError } from 'fsys'

import { Violation } from '../../sim/model.js'
import { goOnAfterDeath, JOURNAL } from './check-state.js'
import { type Fault, FAULTS, faultText, NO_FAULT } from './faults.js'
import { judge, namesLock } from './judge.js'
import { type Call, type Note, parseLog } from './log.js'
import { modelOf } from './notes.js'
import { work } from './workload.js'

export type Report =
  | { readonly kind: 'begins'; readonly name: string }
  /** A promise that was not kept. */
  | { readonly kind: 'broken'; readonly name: string; readonly message: string }
  /** The lock could not be released, so that only another process can go on, when this one is gone. */
  | { readonly kind: 'locked'; readonly name: string; readonly path: string; readonly notes: readonly Note[] }
  /** How many cases ended in which way. */
  | { readonly kind: 'done'; readonly outcomes: Readonly<Record<string, number>> }

const [root = '', mode = '', ...words] = process.argv.slice(2)
const [seed = 1, part = 0, parts = 1, share = 1] = words.map(Number)
const log = process.env['FSYS_RECORDER_LOG'] as string
const noteFile = openSync(log, 'w')
const outcomes: Record<string, number> = {}

for (const [index, fault] of FAULTS.entries()) {
  if (index % parts !== part) continue
  for (let first = 1 + ((index + seed) % share); await endure(fault, first); first += share);
}
say({ kind: 'done', outcomes })

/** One life under one fault. False if the fault met nothing. */
async function endure(fault: Fault, first: number): Promise<boolean> {
  const name = `${fault.name}, call ${first}`
  say({ kind: 'begins', name })
  const directory = join(root, name.replaceAll(/\W+/gu, '-'))
  const path = join(directory, JOURNAL)
  const notes: Note[] = []
  let injected: Call[] = []
  mkdirSync(directory)
  truncateSync(log)
  writeSync(noteFile, faultText(fault, first))
  try {
    const failure = await work(path, (text) => notes.push({ at: notes.length, text }), {
      seed,
      direct: mode === 'direct',
    })
    writeSync(noteFile, NO_FAULT)
    const { calls } = parseLog(readFileSync(log))
    injected = calls.filter((call) => call.isInjected)
    if (injected.length === 0) return false
    judge(fault, calls, failure)
    count(
      `${fault.name}: ${failure instanceof FsysError ? failure.code : failure === undefined ? 'borne' : 'not the journal'}`,
    )
    await goOnAfterDeath(path, modelOf(notes), mode === 'direct')
  } catch (error) {
    writeSync(noteFile, NO_FAULT)
    const met = injected.map(({ kind, path: of }) => `${kind} ${of}`).join(', ')
    if (error instanceof FsysError && error.code === 'ERR_FSYS_LOCKED' && injected.some(namesLock)) {
      say({ kind: 'locked', name, path, notes })
      return true
    }
    if (!(error instanceof Violation || error instanceof FsysError)) throw error
    say({ kind: 'broken', name: `${name} (${met})`, message: error.stack ?? '' })
  }
  rmSync(directory, { recursive: true })
  return true
}

function count(outcome: string): void {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
}

function say(report: Report): void {
  writeSync(1, `${JSON.stringify(report)}\n`)
}
