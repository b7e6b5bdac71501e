// Builds the native addon of native/ by calling the C compiler, and nothing else: no node-gyp, no download.
//
//   node scripts/build-native.js         for this machine; where that cannot be, it says so in one line and succeeds,
//                                        because everything works without
//   node scripts/build-native.js --all   for all platforms that are shipped; fails if one cannot be built
//   node scripts/build-native.js --musl  for the one with musl, the same
//
// prebuilds/<platform>-<arch>/fsys.<libc>.node is what is shipped, named as node-gyp-build and prebuildify do it;
// build/native/fsys.faults.node, for tests, can let writes and syncs fail to order.
import { spawnSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

import { addonArguments, findCommand, inputs, libcHere, muslFlags, nodeHeaders } from './native-compiler.js'

// In Debian's packages gcc, gcc-aarch64-linux-gnu with libc6-dev-arm64-cross, and musl-tools.
const TARGETS = [
  { platform: 'linux', arch: 'x64', libc: 'glibc', compilers: ['x86_64-linux-gnu-gcc'] },
  { platform: 'linux', arch: 'arm64', libc: 'glibc', compilers: ['aarch64-linux-gnu-gcc'] },
  { platform: 'linux', arch: 'x64', libc: 'musl', compilers: ['musl-gcc'], flags: muslFlags },
]

const isForAll = process.argv.includes('--all')
const isForMusl = process.argv.includes('--musl')
const mustBuild = isForAll || isForMusl || process.env.FSYS_TESTS_MUST_RUN === '1'

function here() {
  if (process.platform !== 'linux') return undefined
  const libc = libcHere()
  const target = TARGETS.find((each) => each.arch === process.arch && (each.libc === libc || each.arch === 'arm64'))
  return target && { ...target, libc, compilers: [process.env.CC, 'gcc', 'cc'], flags: [] }
}

const modifiedAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
const inputsModifiedAt = Math.max(...inputs.map(modifiedAt))

/** Returns why it could not be built, or undefined. Whoever has the old one loaded keeps it. */
function build(target, output, flags) {
  if (modifiedAt(output) > inputsModifiedAt) return undefined
  rmSync(output, { force: true })
  const headers = nodeHeaders()
  if (headers === undefined) return 'there are no headers of Node-API'
  const compiler = findCommand(...target.compilers)
  if (compiler === undefined) return `there is no C compiler (${target.compilers.filter(Boolean).join(', ')})`
  mkdirSync(dirname(output), { recursive: true })
  const unfinished = `${output}.${process.pid}`
  const all = addonArguments({ output: unfinished, headers, flags: ['-O2', '-s', ...(target.flags ?? []), ...flags] })
  const { status } = spawnSync(compiler, all, { stdio: 'inherit' })
  if (status !== 0) return `${compiler} has failed`
  renameSync(unfinished, output)
  return undefined
}

function report(name, failure) {
  if (failure === undefined) return
  console.log(`The native addon for ${name} is not built: ${failure}. Everything works without it.`)
  if (mustBuild) process.exitCode = 1
}

const mine = here()
const wanted = TARGETS.filter(({ libc }) => isForAll || (isForMusl && libc === 'musl'))
if (!isForAll && !isForMusl && mine) wanted.push(mine)
for (const target of wanted) {
  const name = `${target.platform}-${target.arch}`
  report(`${name}, ${target.libc}`, build(target, `prebuilds/${name}/fsys.${target.libc}.node`, []))
}
if (mine) report('tests', build(mine, 'build/native/fsys.faults.node', ['-DFSYS_FAULTS']))
if (wanted.length === 0) report(`${process.platform}-${process.arch}`, 'it is for Linux on x64 and arm64')
