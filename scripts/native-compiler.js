// How the addon of native/ is compiled: for build-native.js and check-native.js.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export const sources = readdirSync('native')
  .filter((name) => name.endsWith('.c'))
  .map((name) => join('native', name))
  .toSorted()

/** All that a change of which calls for a new build. */
export const inputs = [
  ...readdirSync('native').map((name) => join('native', name)),
  'scripts/build-native.js',
  'scripts/native-compiler.js',
]

export const warningFlags = ['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden']

const linkFlags = ['-shared', '-pthread', '-Wl,-z,relro,-z,now,--as-needed']

/** The whole command line but for the compiler's name. */
export function addonArguments({ output, headers, flags = [] }) {
  return [
    ...warningFlags,
    '-fPIC',
    '-DNAPI_VERSION=8',
    ...flags,
    '-isystem',
    headers,
    ...sources,
    ...linkFlags,
    '-o',
    output,
  ]
}

/** Those of the Node that runs, or else of the package that is there for the sake of the others. */
export function nodeHeaders() {
  const candidates = [join(process.execPath, '../../include/node'), 'node_modules/node-api-headers/include']
  return candidates.find((directory) => existsSync(join(directory, 'node_api.h')))
}

/** The first of these that can be run. */
export function findCommand(...candidates) {
  return candidates.find((name) => name !== undefined && spawnSync(name, ['--version']).status === 0)
}

/** 'glibc' or 'musl': which C library the running Node has. */
export function libcHere() {
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'
}

/** Where musl-gcc finds the kernel's headers: they belong to no C library, and Debian keeps them with glibc's. */
export const muslFlags = ['-idirafter', '/usr/include', '-idirafter', '/usr/include/x86_64-linux-gnu']
