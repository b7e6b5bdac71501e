import type { StorageFile } from '../storage/storage.js'

/**
 * The bytes that LSNs address. Today that is one file in which an LSN is a position; a journal of several segments will be
 * another form of it. Everything that the writer does to the disk goes through here.
 */
export interface LogSpace {
  /** One system call, no loop: returns how many bytes were written, which may be fewer. */
  write(source: Uint8Array, lsn: number): Promise<number>
  writeSync(source: Uint8Array, lsn: number): number
  dataSync(): Promise<void>
  dataSyncSync(): void
  /** Cuts off what lies past `lsn`. */
  truncateSync(lsn: number): void
  closeSync(): void
}

/**
 * The journal as one flat file.
 *
 * It holds two open descriptions of the file, because the kernel reports a failed write-back once to each: if one served
 * both, a blocking sync and an unfinished one could run side by side, only one of them would be told, and the other
 * would confirm what is lost.
 */
export class SingleFileSpace implements LogSpace {
  readonly #file: StorageFile
  readonly #blocking: StorageFile

  constructor(file: StorageFile, blocking: StorageFile) {
    this.#file = file
    this.#blocking = blocking
  }

  write(source: Uint8Array, lsn: number): Promise<number> {
    return this.#file.write(source, lsn)
  }

  writeSync(source: Uint8Array, lsn: number): number {
    return this.#file.writeSync(source, lsn)
  }

  dataSync(): Promise<void> {
    return this.#file.dataSync()
  }

  dataSyncSync(): void {
    this.#blocking.dataSyncSync()
  }

  truncateSync(lsn: number): void {
    this.#file.truncateSync(lsn)
  }

  closeSync(): void {
    try {
      this.#file.closeSync()
    } finally {
      this.#blocking.closeSync()
    }
  }
}
