/**
 * Whether Windows takes a name for a device, whatever follows its first dot and whatever the directory: CON, NUL, COM1 and the
 * like, superscript digits too; or for a stream of another file (a colon); or drops a part of it (dots and spaces at its end).
 */
export function isDeviceName(name: string): boolean {
  return /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:[.:]|$)/iu.test(name) || /:|[. ]$/u.test(name)
}
