import { createHash } from 'node:crypto'

import type { Owner } from '../storage/storage.js'

/** What the names of all drafts begin with: files that are written before they get the name that they are for. */
const DRAFT_PREFIX = '.fsys-draft-'

/**
 * A name for a draft that says who is writing it, so that others can tell when nobody is any more:
 *
 * `.fsys-draft-<host>-<boot>-<pid namespace>-<pid>-<thread>-<start time>-<token>`
 *
 * The first three as the beginning of a SHA-256. The token is one that nobody else has.
 */
export function draftName(owner: Owner, token: string): string {
  const { host, boot, pidNamespace, pid, thread, startTime } = owner
  return `${DRAFT_PREFIX}${[digest(host), digest(boot), digest(pidNamespace), pid, thread, startTime, token].join('-')}`
}

/** Of a draft that anybody is writing, or was. */
export function isDraftName(name: string): boolean {
  return name.startsWith(DRAFT_PREFIX) && NAME_PATTERN.test(name)
}

/**
 * Who is writing the draft of this name, as far as that concerns `me`: what is not the same as mine is something else, though
 * nobody knows what. Undefined if it is not the name of a draft.
 */
export function draftOwner(name: string, me: Owner): Owner | undefined {
  const found = NAME_PATTERN.exec(name)?.groups
  if (found === undefined) return undefined
  const { host, boot, space, pid, thread, start } = found
  return {
    host: host === digest(me.host) ? me.host : ELSEWHERE,
    boot: boot === digest(me.boot) ? me.boot : boot === digest('unknown') ? 'unknown' : ELSEWHERE,
    pidNamespace: space === digest(me.pidNamespace) ? me.pidNamespace : ELSEWHERE,
    pid: Number(pid),
    thread: Number(thread),
    startTime: Number(start),
  }
}

const NAME_PATTERN =
  /^\.fsys-draft-(?<host>[0-9a-f]{12})-(?<boot>[0-9a-f]{12})-(?<space>[0-9a-f]{12})-(?<pid>\d{1,10})-(?<thread>\d{1,10})-(?<start>\d{1,16})-[0-9a-f-]{1,40}$/u

/** Not the name of any host, boot or namespace. */
const ELSEWHERE = 'another'

const digests = new Map<string, string>()

function digest(text: string): string {
  let found = digests.get(text)
  if (found === undefined) {
    found = createHash('sha256').update(text).digest('hex').slice(0, 12)
    if (digests.size >= DIGESTS_MAX) digests.clear()
    digests.set(text, found)
  }
  return found
}

// A process has three; simulations have one more with each boot.
const DIGESTS_MAX = 1000
