import { spawnSync } from 'node:child_process'

const INSIDE = 'FSYS_TESTS_OWN_MOUNTS'
/** What runs in there does not outlive this process either. */
const WAY_IN = ['--pdeathsig', 'KILL', 'unshare', '--mount']

/**
 * Runs this program once more, in a name space for mounts of its own, and ends as that has ended; goes on if it is the one
 * inside. The name space goes away with its last process, and all mounts and loop devices with it, however that ends. Nor
 * do others that are made meanwhile get copies of these mounts, which would keep a file system up that has been unmounted.
 *
 * Where there can be none, the program goes on as it is: nothing can be mounted then either.
 */
export function enterOwnMounts(): void {
  if (process.platform !== 'linux' || process.env[INSIDE] !== undefined) return
  if (spawnSync('setpriv', [...WAY_IN, 'true'], { stdio: 'ignore' }).status !== 0) return
  const words = [...WAY_IN, process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const { status } = spawnSync('setpriv', words, { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } })
  process.exit(status ?? 1)
}
