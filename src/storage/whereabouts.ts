import type { Owner } from './storage.js'

/**
 * Where an owner is, or was, as seen by another: 'here', where processes can be looked up; 'before', in an earlier boot of this
 * host, which nobody survives; or 'elsewhere', on another host or in another pid namespace, of which nothing can be told.
 */
export function whereabouts(me: Owner, owner: Owner): 'here' | 'before' | 'elsewhere' {
  if (owner.host !== me.host) return 'elsewhere'
  if (owner.boot !== me.boot) return owner.boot !== UNKNOWN_BOOT && me.boot !== UNKNOWN_BOOT ? 'before' : 'elsewhere'
  return owner.pidNamespace === me.pidNamespace ? 'here' : 'elsewhere'
}

const UNKNOWN_BOOT: Owner['boot'] = 'unknown'
