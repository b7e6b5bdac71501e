import { type ErrorCode, FsysError, storageFailure } from '../errors.js'

// What a reader answers when it cannot read.

export function readRefusal(path: string, code: ErrorCode, reason: string): FsysError {
  return new FsysError(code, `cannot read journal ${JSON.stringify(path)}: ${reason}`, { path })
}

export function readFailure(path: string, error: unknown): unknown {
  return storageFailure(error, `cannot read journal ${JSON.stringify(path)}`, { path })
}

export function tooLargeToRead(path: string, lsn: number, payloadBytes: number, payloadBytesMax: number): FsysError {
  const what = `the record at LSN ${lsn} has ${payloadBytes} bytes, over the limit of ${payloadBytesMax}`
  return new FsysError('ERR_FSYS_RECORD_TOO_LARGE', `cannot read journal ${JSON.stringify(path)}: ${what}`, {
    path,
    lsn,
  })
}
