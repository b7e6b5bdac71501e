import { nativeAddon } from './native-addon.js'

/**
 * Where memory lies, as far as that can be told: its address modulo 2^32. Without the addon, the place in its buffer, which
 * is the same modulo a page for WebAssembly's memories, and says nothing of other buffers.
 */
export function addressOf(bytes: Uint8Array): number {
  const { addon } = nativeAddon()
  return addon === undefined ? bytes.byteOffset : addon.addressOf(bytes)
}
