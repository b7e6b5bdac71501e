import { parseMountInfo } from '#src/platform/probe/mount-info.js'
import type { Mount } from '#src/platform/probe/mount-info.js'
import type { SystemFiles } from '#src/platform/probe/system-files.js'

/** What a machine tells of itself: files with their content, links with where they lead, files with the device they are on. */
export interface Recording {
  readonly mountinfo: string
  readonly texts?: Readonly<Record<string, string>>
  readonly links?: Readonly<Record<string, string>>
  readonly devices?: Readonly<Record<string, string>>
}

/** A machine that consists of what was recorded of another. */
export class Machine implements SystemFiles {
  readonly mounts: readonly Mount[]
  readonly #texts: ReadonlyMap<string, string>
  readonly #links: ReadonlyMap<string, string>
  readonly #devices: ReadonlyMap<string, string>

  constructor({ mountinfo, texts = {}, links = {}, devices = {} }: Recording) {
    this.mounts = parseMountInfo(mountinfo)
    this.#texts = new Map(Object.entries(texts))
    this.#links = new Map(Object.entries(links))
    this.#devices = new Map(Object.entries(devices))
  }

  async text(path: string): Promise<string | undefined> {
    return this.#texts.get(path)
  }

  async names(path: string): Promise<readonly string[]> {
    const names = new Set<string>()
    for (const known of [...this.#texts.keys(), ...this.#links.keys()]) {
      if (known.startsWith(`${path}/`)) names.add(known.slice(path.length + 1).split('/', 1)[0] as string)
    }
    return [...names]
  }

  async real(path: string): Promise<string | undefined> {
    return this.#links.get(path) ?? (this.#texts.has(path) ? path : undefined)
  }

  async device(path: string): Promise<string | undefined> {
    return this.#devices.get(path)
  }
}

/** What sysfs has of a block device at a path below /sys/devices. */
export interface Device {
  readonly path: string
  /** '259:0' */
  readonly number: string
  readonly queue?: Readonly<Record<string, string>>
  readonly device?: Readonly<Record<string, string>>
  readonly partitions?: Readonly<Record<string, string>>
  readonly slaves?: readonly string[]
  readonly texts?: Readonly<Record<string, string>>
}

/** The files and links of devices; slaves are paths of other devices, or of their partitions. */
export function sysfs(...all: readonly Device[]): Required<Pick<Recording, 'texts' | 'links'>> {
  const texts: Record<string, string> = {}
  const links: Record<string, string> = {}
  const add = (path: string, number: string): void => {
    texts[`${path}/dev`] = number
    links[`/sys/dev/block/${number}`] = path
    links[`/sys/class/block/${path.split('/').at(-1)}`] = path
  }
  for (const { path, number, queue = {}, device = {}, partitions = {}, slaves = [], texts: own = {} } of all) {
    add(path, number)
    for (const [name, text] of Object.entries(queue)) texts[`${path}/queue/${name}`] = text
    for (const [name, text] of Object.entries(device)) texts[`${path}/device/${name}`] = text
    for (const [name, text] of Object.entries(own)) texts[`${path}/${name}`] = text
    for (const slave of slaves) links[`${path}/slaves/${slave.split('/').at(-1)}`] = slave
    for (const [name, partition] of Object.entries(partitions)) {
      add(`${path}/${name}`, partition)
      texts[`${path}/${name}/partition`] = '1'
    }
  }
  return { texts, links }
}
