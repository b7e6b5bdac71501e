import { FsysError, invalidArgument } from '../errors.js'
import { type NativeAddon, nativeAddon, nativeError } from './native-addon.js'

/**
 * What does the work of a journal: Node's own calls; the addon, with each group as one job of the thread pool; the addon,
 * with each group as one request to io_uring.
 */
export type Engine = 'portable' | 'pool' | 'uring'

export interface EngineChoice {
  readonly engine: Engine
  /** Why it is not a better one. */
  readonly reason?: string
  /** There unless it is portable. */
  readonly addon?: NativeAddon
}

/**
 * The engine that is best here, or the one that FSYS_ENGINE names. `prefers` is which one would be best if all were there.
 *
 * Throws ERR_FSYS_ENGINE_UNAVAILABLE if FSYS_ENGINE names one that is not to be had here, ERR_FSYS_INVALID_ARGUMENT if it
 * names none.
 */
export function chooseEngine(prefers: Engine, forced: string | undefined = process.env['FSYS_ENGINE']): EngineChoice {
  if (forced === undefined || forced === '') return firstOf(prefers === 'uring' ? ['uring', 'pool'] : ['pool'])
  if (forced !== 'portable' && forced !== 'pool' && forced !== 'uring') {
    throw invalidArgument(`FSYS_ENGINE must be portable, pool or uring, not ${JSON.stringify(forced)}`)
  }
  if (forced === 'portable') return { engine: 'portable', reason: 'FSYS_ENGINE says so' }
  const found = tryEngine(forced)
  if (typeof found === 'string') {
    throw new FsysError('ERR_FSYS_ENGINE_UNAVAILABLE', `FSYS_ENGINE asks for ${forced}, which is not here: ${found}`)
  }
  return { engine: forced, addon: found, ...(forced === prefers ? {} : { reason: 'FSYS_ENGINE says so' }) }
}

function firstOf(engines: readonly ('pool' | 'uring')[]): EngineChoice {
  let reason: string | undefined
  for (const engine of engines) {
    const found = tryEngine(engine)
    if (typeof found !== 'string') return { engine, addon: found, ...(reason === undefined ? {} : { reason }) }
    reason = `no ${engine}: ${found}`
  }
  return { engine: 'portable', ...(reason === undefined ? {} : { reason }) }
}

/** The addon with what the engine needs, or why that cannot be. */
function tryEngine(engine: 'pool' | 'uring'): NativeAddon | string {
  const found = nativeAddon()
  if (found.addon === undefined) return `the native addon is missing, ${found.reason}`
  if (engine === 'pool') return found.addon
  const result = found.addon.ringOpen()
  return result < 0 ? nativeError(result, 'io_uring_setup').message : found.addon
}
