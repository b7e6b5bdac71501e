// Checks of the native addon that take tools: what it declares of libuv, whether it compiles for every platform that is
// shipped, its tests under AddressSanitizer and UndefinedBehaviorSanitizer, and a search for leaks.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { addonArguments, nodeHeaders, warningFlags } from './native-compiler.js'

const HELP = `usage: npm run native:check [-- valgrind]

  valgrind  searches for leaks by valgrind too, which takes minutes

It takes gcc, and the cross compilers that scripts/build-native.js names.`

if (process.argv.includes('--help')) {
  console.log(HELP)
  process.exit()
}

const compiler = process.env.CC ?? 'gcc'
const headers = nodeHeaders()
const sanitized = resolve('build/native/fsys.sanitized.node')
const debuggable = resolve('build/native/fsys.debug.node')
const leakPath = resolve('build/test/fixtures/native-leaks.js')

checkLibuv()
run(process.execPath, ['scripts/build-native.js', '--all'])
build(sanitized, '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-fno-omit-frame-pointer')
testSanitized()
searchLeaks()
if (process.argv.includes('valgrind')) searchLeaksByValgrind()

function run(command, words, options = {}) {
  return execFileSync(command, words, { stdio: 'inherit', ...options })
}

function build(output, ...flags) {
  mkdirSync('build/native', { recursive: true })
  run(compiler, addonArguments({ output, headers, flags: ['-g', '-DFSYS_FAULTS', ...flags] }))
}

/** Includes both headers: what they declare differently is an error. */
function checkLibuv() {
  if (!existsSync(join(headers, 'uv.h')))
    return console.log(`no uv.h in ${headers}: what is declared of libuv is not checked`)
  const numbers = ['POLL', 'WORK', 'READABLE'].map((name) => `(int)FSYS_UV_${name} == (int)UV_${name}`).join(' && ')
  const input = `#include <uv.h>\n#include "libuv.h"\n_Static_assert(${numbers}, "numbers");\n`
  const words = [...warningFlags, '-fsyntax-only', '-isystem', headers, '-Inative', '-x', 'c', '-']
  run(compiler, words, { input, stdio: ['pipe', 'inherit', 'inherit'] })
}

/** V8 keeps much until the process ends, so leaks are searched for elsewhere, and only ours. */
function sanitizerEnvironment(options) {
  const library = execFileSync(compiler, ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim()
  const always = 'abort_on_error=1:detect_stack_use_after_return=1'
  return { ...process.env, LD_PRELOAD: library, ASAN_OPTIONS: `${always}:${options}`, FSYS_TEST_ADDON: sanitized }
}

function testSanitized() {
  const files = readdirSync('build/test/native').filter((name) => name.endsWith('.test.js') && name !== 'build.test.js')
  const words = ['--test', '--test-reporter=dot', ...files.map((name) => join('build/test/native', name))]
  run(process.execPath, words, { env: sanitizerEnvironment('detect_leaks=0') })
  console.log('\nthe tests of the native addon pass under AddressSanitizer and UndefinedBehaviorSanitizer')
}

/** Of what is reported, only that counts in which a function of ours allocated. */
function ourLeaks(report, block) {
  return report.split(block).filter((part) => /\bfsys\.(sanitized|debug)\.node\b|\bnative\/\w[\w-]*\.c\b/u.test(part))
}

function searchLeaks() {
  const env = sanitizerEnvironment('detect_leaks=1')
  const { status, stderr, stdout } = spawnSync(process.execPath, [leakPath, sanitized], { env, encoding: 'utf8' })
  if (!stdout.includes('done')) throw new Error(`the search for leaks did not come to its end (${status}): ${stderr}`)
  const leaks = ourLeaks(stderr, /\n(?=(?:Direct|Indirect) leak of)/u)
  if (leaks.length > 0) throw new Error(`leaks:\n${leaks.join('\n')}`)
  console.log('LeakSanitizer finds no leak of the native addon')
}

function searchLeaksByValgrind() {
  build(debuggable, '-O1')
  const options = ['--leak-check=full', '--show-leak-kinds=definite,indirect,possible', '--smc-check=all-non-file']
  const words = [...options, process.execPath, '--jitless', leakPath, debuggable, '3']
  const { stderr, stdout } = spawnSync('valgrind', words, { encoding: 'utf8', maxBuffer: 2 ** 28 })
  if (!stdout.includes('done')) throw new Error(`valgrind did not come to its end: ${stderr.slice(-2000)}`)
  const leaks = ourLeaks(stderr, /\n==\d+== *\n/u)
  if (leaks.length > 0) throw new Error(`valgrind says of the native addon:\n${leaks.join('\n\n')}`)
  console.log('valgrind finds no leak and no invalid access of the native addon')
}
