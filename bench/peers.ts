import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { projectFolder } from './programs.js'

/**
 * Installs the npm peers into `bench/node_modules`, if what is there is not of this lock file and this Node.js. All are
 * optional: what cannot be installed is not there, and its contestants say so.
 */
export function installPeers(tell: (text: string) => void): void {
  const folder = join(projectFolder, 'bench')
  const stamp = join(folder, 'node_modules', '.installed-for')
  const lock = readFileSync(join(folder, 'package-lock.json'))
  const wanted = `${createHash('sha256').update(lock).digest('hex')} ${process.version} ${process.arch}\n`
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  tell('installing the peers that npm has; what has no binary for this machine is compiled')
  const { status, error, stderr } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: folder,
    env: { ...process.env, ...headers() },
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (status === 0) writeFileSync(stamp, wanted)
  else tell(`the peers of npm are left out: ${error?.message ?? firstError(stderr)}`)
}

/** npm says first what kind of error it was, and then which one. */
function firstError(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => /^npm error \S/u.test(line))
  return lines.slice(0, 2).join('; ').replaceAll('npm error ', '')
}

/** The headers of the running Node.js, where they came with it: what is compiled needs no download then. */
function headers(): Record<string, string> {
  const prefix = join(dirname(process.execPath), '..')
  return existsSync(join(prefix, 'include', 'node', 'node.h')) ? { npm_config_nodedir: prefix } : {}
}
