import { createRequire } from 'node:module'

// From where the compiler puts this file to the package that the peers are installed in.
const require = createRequire(new URL('../../../bench/package.json', import.meta.url))

/**
 * What a peer exports, in as much of its shape as the contestant uses: the peers are optional, and so are their types.
 * Throws what `require` throws if it is not installed, or not for this machine.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function loadPeer<Exports>(name: string): Exports {
  return require(name) as Exports
}
