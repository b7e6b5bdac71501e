import { createReadStream, fstatSync, openSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

import { storageFailure } from '../errors.js'
import { PAYLOAD_BYTES_MAX } from '../frame/frame.js'
import type { Journal } from '../journal/journal.js'
import { openJournal } from '../journal/open-journal.js'
import type { Lsn } from '../lsn.js'
import { nodeStorage } from '../storage/node-storage.js'
import type { FileFacts } from '../storage/storage.js'
import { type Command, type Io, defineCommand } from './command.js'
import { Interruption } from './signals.js'
import { refuseSameFile } from './source.js'
import { FrameSplitter, InputError, LineSplitter, type Splitter } from './split.js'
import { STATUS } from './status.js'
import { count, quote } from './text.js'
import { wholeNumber } from './usage.js'

const help = `Usage: fsys append [options] <journal> [file]

Appends records to a journal, and prints the LSN past the last one once all are on stable storage. Reads the file, or
standard input where there is none or it is -. A journal that is not there is made, for its owner's eyes only.

A record is a line: what ends in a newline, without it. A carriage return before it belongs to the record; so does any other
byte. What stands behind the last newline is a record too; an empty line is an empty record.

What has been read becomes durable soon, not only at the end: a slow pipe need not be closed for it.

Options:
  --frames               a record is a u32 in little-endian order and then so many bytes: what cat --frames writes
  --record-bytes-max N   refuse longer records; the default is 268435455, the most that the format takes. Memory is bounded
                         by twice this, and by a few megabytes
  --json                 print {"endLsn": ..., "records": ...}
  -h, --help             print this

On SIGINT, SIGTERM or SIGHUP it commits what it has read, prints the last LSN and exits with 130, 143 or 129. A line that has
not ended by then is no record, and is left out; stderr says so. After a failure too, the LSN up to which all is durable is
printed, if the journal could be opened.

Exit status:
  0   all records are durable
  1   something failed: the input cannot be read or is malformed (what stands before is durable), somebody else has the
      journal open, the disk is full ...
  2   the journal is damaged: see fsys verify
  3   it is not a journal
  64  wrong usage
`

export const append: Command = defineCommand({
  help,
  statusOtherwise: STATUS.failed,
  options: {
    frames: { type: 'boolean' },
    json: { type: 'boolean' },
    'record-bytes-max': { type: 'string' },
  },
  operandsMax: 1,
  async run(path, values, io, [file = '-']) {
    const given = values['record-bytes-max']
    const recordBytesMax =
      given === undefined ? PAYLOAD_BYTES_MAX : wholeNumber('--record-bytes-max', given, 0, PAYLOAD_BYTES_MAX)
    // Before the journal is made: a wrong name must not leave an empty one. And before signals are taken care of: opening a
    // pipe blocks until somebody writes to it.
    const input = await openInput(path, file)
    const interruption = new Interruption('patient')
    try {
      const journal = await openForAppending(path, recordBytesMax, interruption, io)
      if (journal === undefined) {
        input.destroy()
        return interruption.status
      }
      const split = values.frames === true ? FrameSplitter : LineSplitter
      const appending = new Appending(journal, (emit) => new split(recordBytesMax, emit))
      const failure = await appending.run(input, interruption.signal)
      // Also after a failure: what was confirmed is worth knowing.
      const { durableLsn: endLsn } = journal
      io.output.writeLine(
        values.json === true ? JSON.stringify({ endLsn, records: appending.durableRecords }) : `${endLsn}`,
      )
      if (failure !== undefined) throw failure
      if (appending.pendingBytes > 0) {
        io.note(`left out an unfinished record of ${count(appending.pendingBytes, 'byte')}`)
      }
      return interruption.status
    } finally {
      interruption.stop()
    }
  },
})

/** 64 KiB reads cost a million lines a tenth of a second more. */
const READ_BYTES = 256 * 1024

async function openInput(journal: string, file: string): Promise<Readable> {
  const there = await statJournal(journal)
  if (file === '-') {
    // Node takes one for an empty stream.
    refuseDirectory(process.stdin.fd)
    if (there !== undefined) refuseSameFile(process.stdin.fd, there, 'standard input')
    return process.stdin
  }
  let fd
  try {
    fd = openSync(file, 'r')
  } catch (error) {
    throw unreadableInput(error as Error)
  }
  refuseDirectory(fd)
  if (there !== undefined) refuseSameFile(fd, there, 'the input')
  return createReadStream(file, { fd, highWaterMark: READ_BYTES })
}

async function statJournal(path: string): Promise<FileFacts | undefined> {
  try {
    return await nodeStorage.stat(path)
  } catch (error) {
    throw storageFailure(error, `cannot open journal ${quote(path)}`, { path })
  }
}

function refuseDirectory(fd: number): void {
  if (fstatSync(fd).isDirectory()) throw new InputError('cannot read the input: EISDIR: it is a directory')
}

function unreadableInput(cause: Error): Error {
  return new InputError(`cannot read the input: ${cause.message}`, { cause })
}

/** Undefined if somebody asked the process to end meanwhile. */
async function openForAppending(
  path: string,
  recordBytesMax: number,
  { signal }: Interruption,
  { note }: Io,
): Promise<Journal | undefined> {
  let journal
  try {
    journal = await openJournal(path, { recordBytesMax, signal })
  } catch (error) {
    if (signal.aborted && error === signal.reason) return undefined
    throw error
  }
  const { savedTail, cleanEnd } = journal.info.recovery
  if (savedTail !== undefined) {
    const what = count(savedTail.bytes, 'byte')
    note(`${what} that a crash left at LSN ${cleanEnd} were cut off, and saved as ${quote(savedTail.path)}`)
  }
  return journal
}

/** Input that comes faster than this is committed together. */
const COMMIT_DELAY_MS = 5

/** Takes records from the input into the journal, and commits whenever there is something to commit. */
class Appending {
  readonly #journal: Journal
  readonly #splitter: Splitter
  #records = 0
  /** How many of the records are certainly durable. */
  #durableRecords = 0
  #lastLsn: Lsn
  #committing: Promise<void> | undefined
  #failure: Error | undefined
  #stopReading: () => void = () => undefined

  constructor(journal: Journal, makeSplitter: (emit: (record: Buffer) => void) => Splitter) {
    this.#journal = journal
    this.#lastLsn = journal.nextLsn
    this.#splitter = makeSplitter((record) => {
      this.#lastLsn = this.#journal.append(record)
      this.#records++
    })
  }

  get durableRecords(): number {
    return this.#durableRecords
  }

  /** Bytes of a record that has not ended. */
  get pendingBytes(): number {
    return this.#splitter.pendingBytes
  }

  /** Appends the input until it ends or the signal says so, makes it durable, and closes the journal. Answers with the first failure. */
  async run(input: Readable, signal: AbortSignal): Promise<Error | undefined> {
    await this.#attempt(async () => {
      if (await this.#readAll(input, signal)) this.#splitter.finish()
    })
    await this.#attempt(async () => {
      await this.#committing
      await this.#sync()
    })
    await this.#attempt(() => this.#journal.close())
    return this.#failure
  }

  /** What fails after a failure only tells that there was one. */
  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error as Error
    this.#stopReading()
  }

  /** True at the end of the input; false if the signal or a failure came first. */
  async #readAll(input: Readable, signal: AbortSignal): Promise<boolean> {
    const isAtEnd = await new Promise<boolean>((resolve) => {
      this.#stopReading = () => resolve(false)
      signal.addEventListener('abort', this.#stopReading)
      if (signal.aborted) resolve(false)
      input.on('end', () => resolve(true))
      input.on('error', (error) => {
        this.#fail(unreadableInput(error))
      })
      // Whatever has been read is appended at once: nothing waits in the stream when a signal comes. Appending blocks where
      // the disk does not keep up, and so no more is read.
      input.on('data', (chunk: Buffer) => this.#take(chunk))
    })
    input.removeAllListeners('data')
    input.destroy()
    return isAtEnd
  }

  #take(chunk: Buffer): void {
    if (this.#failure !== undefined) return
    try {
      this.#splitter.push(chunk)
    } catch (error) {
      this.#fail(error)
    }
    if (this.#lastLsn > this.#journal.durableLsn) this.#committing ??= this.#commitSoon()
  }

  /** Commits until there is nothing to commit. */
  async #commitSoon(): Promise<void> {
    await this.#attempt(async () => {
      while (this.#failure === undefined && this.#lastLsn > this.#journal.durableLsn) {
        await delay(COMMIT_DELAY_MS)
        await this.#sync()
      }
    })
    this.#committing = undefined
  }

  async #sync(): Promise<void> {
    const records = this.#records
    await this.#journal.syncThrough(this.#lastLsn)
    this.#durableRecords = Math.max(this.#durableRecords, records)
  }
}
