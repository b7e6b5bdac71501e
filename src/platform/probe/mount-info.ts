/** One mount, as a line of /proc/self/mountinfo tells it; see proc_pid_mountinfo(5). */
export interface Mount {
  readonly id: number
  /** '254:1'; a major number of 0 is no block device's. */
  readonly device: string
  readonly mountPoint: string
  /** Those of the mount, and those of the file system: 'rw', 'relatime', 'upperdir=/x' ... */
  readonly options: readonly string[]
  readonly type: string
  /** Where it comes from: '/dev/vda', 'server:/export', 'tmpfs' ... */
  readonly source: string
}

/** Leaves out what does not look like a mount. */
export function parseMountInfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => parseLine(line) ?? [])
}

/**
 * The mount with this id, or else the one that serves a path without symbolic links: the deepest one above it, and of
 * several in the same place the last one, which hides the others.
 */
export function findMount(mounts: readonly Mount[], id: number | undefined, path: string): Mount | undefined {
  const known = mounts.find((mount) => mount.id === id)
  if (known !== undefined) return known
  let found: Mount | undefined
  for (const mount of mounts) {
    if (isAtOrBelow(path, mount.mountPoint) && mount.mountPoint.length >= (found?.mountPoint.length ?? 0)) found = mount
  }
  return found
}

/** The id of the mount that a descriptor was opened on, from /proc/self/fdinfo. */
export function mountIdOf(fdinfo: string | undefined): number | undefined {
  const id = /^mnt_id:\s*(\d+)$/mu.exec(fdinfo ?? '')?.[1]
  return id === undefined ? undefined : Number(id)
}

/** The value of an option, '' for one that has none; undefined if it is not there. */
export function mountOption({ options }: Mount, name: string): string | undefined {
  const option = options.find((candidate) => candidate === name || candidate.startsWith(`${name}=`))
  return option?.slice(name.length + 1)
}

function parseLine(line: string): Mount | undefined {
  const [before, after] = line.split(' - ')
  const [id, , device, , mountPoint, ownOptions] = before?.split(' ') ?? []
  const [type, source, superOptions = ''] = after?.split(' ') ?? []
  if (device === undefined || mountPoint === undefined || ownOptions === undefined) return undefined
  if (type === undefined || source === undefined) return undefined
  const options = [...ownOptions.split(','), ...superOptions.split(',')].filter((option) => option !== '')
  return {
    id: Number(id),
    device,
    mountPoint: unescape(mountPoint),
    options: options.map(unescape),
    type,
    source: unescape(source),
  }
}

/** Blanks, tabs, newlines and backslashes stand there as three octal digits each. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/gu, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}

function isAtOrBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`)
}
