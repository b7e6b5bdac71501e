import { writeSync } from 'node:fs'

import type { JournalInfo } from 'fsys'

/*
 * What the job tells its parent, over two pipes. What was written to a pipe before the job is killed can still be read;
 * a message that was cut short is ignored.
 *
 * Acknowledgements are four float64 each, in the machine's byte order:
 *
 *      0        8        16            24                   32
 *      | line   | lsn    | latency, ms | durable frontier   |
 *
 * Everything else is a line of JSON.
 */
export const ACKNOWLEDGEMENTS_FD = 3
export const EVENTS_FD = 1

export interface Acknowledgement {
  /** Counted from 0. */
  readonly line: number
  /** What `commit` resolved to. */
  readonly lsn: number
  /** From the call of `commit` to its answer. */
  readonly latencyMs: number
  /** `durableLsn` at that moment. */
  readonly durableLsn: number
}

export type JobEvent =
  /** The journal will be opened now. */
  | { readonly event: 'opening' }
  | { readonly event: 'opened'; readonly durationMs: number; readonly info: JournalInfo }
  /** The job has come to the line where it is to be killed, and commits nothing more. */
  | { readonly event: 'waiting' }
  /** All lines are committed, and the journal is closed. */
  | { readonly event: 'closed' }

export function sendEvent(event: JobEvent): void {
  writeAll(EVENTS_FD, Buffer.from(`${JSON.stringify(event)}\n`))
}

const FIELDS = 4
const FIELD_BYTES = Float64Array.BYTES_PER_ELEMENT
const ACKNOWLEDGEMENT_BYTES = FIELDS * FIELD_BYTES
const BATCH = 1024

/** Sends acknowledgements, those of one turn of the event loop together, while the next group is being synced. */
export class AcknowledgementSender {
  readonly #fields = new Float64Array(BATCH * FIELDS)
  readonly #bytes = Buffer.from(this.#fields.buffer)
  #filled = 0

  add(line: number, lsn: number, latencyMs: number, durableLsn: number): void {
    if (this.#filled === 0) setImmediate(this.#send)
    const fields = this.#fields
    fields[this.#filled++] = line
    fields[this.#filled++] = lsn
    fields[this.#filled++] = latencyMs
    fields[this.#filled++] = durableLsn
    if (this.#filled === fields.length) this.#send()
  }

  readonly #send = (): void => {
    writeAll(ACKNOWLEDGEMENTS_FD, this.#bytes.subarray(0, this.#filled * FIELD_BYTES))
    this.#filled = 0
  }
}

/** The other end of `AcknowledgementSender`: takes the bytes as they come. */
export class AcknowledgementReceiver {
  readonly #take: (acknowledgement: Acknowledgement) => void
  #rest = Buffer.alloc(0)

  constructor(take: (acknowledgement: Acknowledgement) => void) {
    this.#take = take
  }

  readonly receive = (chunk: Buffer): void => {
    // A copy: chunks need not begin at a multiple of eight bytes.
    const bytes = Buffer.allocUnsafeSlow(this.#rest.length + chunk.length)
    bytes.set(this.#rest)
    bytes.set(chunk, this.#rest.length)
    const count = Math.floor(bytes.length / ACKNOWLEDGEMENT_BYTES)
    const fields = new Float64Array(bytes.buffer, 0, count * FIELDS)
    for (let index = 0; index < fields.length; index += FIELDS) {
      this.#take({
        line: fields[index] as number,
        lsn: fields[index + 1] as number,
        latencyMs: fields[index + 2] as number,
        durableLsn: fields[index + 3] as number,
      })
    }
    this.#rest = bytes.subarray(count * ACKNOWLEDGEMENT_BYTES)
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written)
}
