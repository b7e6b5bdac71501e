import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

import { ACKNOWLEDGEMENTS_FD, type Acknowledgement, AcknowledgementReceiver, type JobEvent } from './reports.js'

const JOB = fileURLToPath(new URL('job.js', import.meta.url))

export interface Job {
  readonly journalPath: string
  readonly inputPath: string
  readonly committers: number
  /** Before this line, counted from 0, the job stops committing, and waits to be killed. Infinity: it does not. */
  readonly waitingLine: number
}

export interface JobListener {
  onEvent(event: JobEvent): void
  onAcknowledgement(acknowledgement: Acknowledgement): void
}

/** How a job's process has ended. */
export interface JobEnd {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  /** The end of what it wrote to its standard error. */
  readonly complaint: string
}

const COMPLAINT_CHARACTERS_MAX = 4000

/** The job, in a process of its own. */
export class JobProcess {
  readonly #child: ChildProcess
  /** Resolves when the process is gone, and all that it has written to its pipes has been read. */
  readonly ended: Promise<JobEnd>

  constructor({ journalPath, inputPath, committers, waitingLine }: Job, listener: JobListener) {
    const child = spawn(process.execPath, [JOB, journalPath, inputPath, String(committers), String(waitingLine)], {
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      // A process group of its own: what is typed at the terminal is for the parent.
      detached: process.platform !== 'win32',
    })
    this.#child = child
    const receiver = new AcknowledgementReceiver((acknowledgement) => listener.onAcknowledgement(acknowledgement))
    const acknowledgements = child.stdio[ACKNOWLEDGEMENTS_FD] as Readable
    acknowledgements.on('data', receiver.receive)
    onLine(child.stdout, (line) => listener.onEvent(JSON.parse(line) as JobEvent))
    let complaint = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-COMPLAINT_CHARACTERS_MAX)
    })
    this.ended = new Promise((resolve) => {
      // It could not be started.
      child.on('error', (error) => resolve({ exitCode: null, signal: null, complaint: error.message }))
      child.on('close', (exitCode, signal) => resolve({ exitCode, signal, complaint: complaint.trim() }))
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** At once, and without a word to it. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** Calls back for whole lines only: the last one may have been cut short. */
function onLine(stream: Readable, callback: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) callback(line)
  })
}
