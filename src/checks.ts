import { fileURLToPath } from 'node:url'
import { types } from 'node:util'

import { invalidArgument, outOfRange } from './errors.js'

/** The path as a string, for the file system. `whose` begins the message: 'a journal'. */
export function settlePath(path: string | URL, whose: string): string {
  if (path instanceof URL) {
    if (path.protocol !== 'file:') throw invalidArgument(`${whose}'s URL must be a file: URL, not ${path.protocol}`)
    return settlePath(pathOf(path, whose), whose)
  }
  if (typeof path !== 'string') throw invalidArgument(`${whose}'s path must be a string or a URL, not ${typeof path}`)
  if (path === '') throw invalidArgument(`${whose}'s path must not be empty`)
  if (path.includes('\0')) throw invalidArgument(`${whose}'s path must not hold a NUL: ${JSON.stringify(path)}`)
  // It would become another name: UTF-8 cannot say it.
  if (!path.isWellFormed()) throw invalidArgument(`${whose}'s path must be well-formed: ${JSON.stringify(path)}`)
  return path
}

/** Node refuses URLs of other hosts, and such as hide a slash in a name. */
function pathOf(url: URL, whose: string): string {
  try {
    return fileURLToPath(url)
  } catch (error) {
    throw invalidArgument(`${whose}'s URL must lead to a file of this host: ${url.href}: ${(error as Error).message}`)
  }
}

/** Refuses options that do not exist: one that is silently ignored may be the one that a user relies on. */
export function checkNames(caller: string, options: object, names: readonly string[]): void {
  checkOptions(caller, options)
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw invalidArgument(`${caller} has no option ${JSON.stringify(name)}`)
  }
}

/** Refuses what is no options object; null is none. */
export function checkOptions(caller: string, options: object): void {
  if (typeof options !== 'object' || options === null)
    throw invalidArgument(`the options of ${caller} must be an object`)
}

/** Not all that a storage must have, but what tells one from a name or a path. */
export function withMethod<Value extends object>(name: string, value: Value, method: keyof Value & string): Value {
  if (typeof value === 'object' && typeof value[method] === 'function') return value
  throw invalidArgument(`${name} must be an object with a method ${JSON.stringify(method)}`)
}

export function wholeNumber(name: string, value: number, least: number, most: number): number {
  if (typeof value !== 'number') throw invalidArgument(`${name} must be a number, not ${typeof value}`)
  if (!Number.isInteger(value) || value < least || value > most) {
    throw outOfRange(`${name} must be a whole number from ${least} to ${most}, not ${value}`)
  }
  return value
}

export function oneOf<Value extends string>(name: string, value: Value, values: readonly Value[]): Value {
  if (!values.includes(value)) {
    throw invalidArgument(`${name} must be one of ${values.join(', ')}, not ${JSON.stringify(value)}`)
  }
  return value
}

export function truth(name: string, value: boolean): boolean {
  if (typeof value !== 'boolean') throw invalidArgument(`${name} must be true or false, not ${typeof value}`)
  return value
}

/**
 * Throws ERR_FSYS_INVALID_ARGUMENT for what is no bytes; `what` begins the message: 'a record'. A `Uint8Array` of another
 * realm is some; one whose memory was transferred away is not, though it looks like an empty one.
 */
export function checkBytes(value: unknown, what: string): asserts value is Uint8Array {
  if (!types.isUint8Array(value)) {
    const type = value === null ? 'null' : typeof value
    throw invalidArgument(
      `${what} must be a Uint8Array or a string, not ${type === 'object' ? 'another object' : type}`,
    )
  }
  // The length is what everything here goes by.
  if (value.length !== value.byteLength) throw invalidArgument(`${what} must not have a length of its own making`)
  if (value.length === 0 && hasLostItsMemory(value)) {
    throw invalidArgument(`${what} must not be a Uint8Array whose memory was transferred away, or has shrunk away`)
  }
}

/** Its length is 0 as well, but every method of a `Uint8Array` throws for it. */
function hasLostItsMemory(bytes: Uint8Array): boolean {
  try {
    Uint8Array.prototype.at.call(bytes, 0)
    return false
  } catch {
    return true
  }
}

/** As bytes. Throws ERR_FSYS_INVALID_ARGUMENT for a lone surrogate, which UTF-8 cannot say. */
export function encodeText(text: string, what: string): Buffer {
  if (!text.isWellFormed()) throw loneSurrogate(what)
  return Buffer.from(text, 'utf8')
}

export function loneSurrogate(what: string): TypeError {
  return invalidArgument(`${what} must be bytes or a well-formed string: this one has a lone surrogate`)
}
