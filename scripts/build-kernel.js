// Compiles kernel/kernel.ts to WebAssembly, with and without SIMD, and writes both as a module of src/. Does nothing if that
// module is newer than everything it is made from.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'

const output = 'src/checksum/kernel-bytes.generated.ts'
const inputs = [
  'kernel/kernel.ts',
  'kernel/tsconfig.json',
  'node_modules/assemblyscript/package.json',
  'scripts/build-kernel.js',
]

const modifiedAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

function compile(name, ...options) {
  const path = `build/${name}.wasm`
  execFileSync(
    process.execPath,
    [
      'node_modules/assemblyscript/bin/asc.js',
      'kernel/kernel.ts',
      ...['-O3', '--runtime', 'stub', '--noAssert', '--importMemory', ...options],
      ...['--outFile', path],
    ],
    { stdio: 'inherit' },
  )
  return readFileSync(path).toString('base64')
}

if (modifiedAt(output) <= Math.max(...inputs.map(modifiedAt))) {
  mkdirSync('build', { recursive: true })
  const withSimd = compile('kernel-simd', '--enable', 'simd')
  const withoutSimd = compile('kernel')
  writeFileSync(
    output,
    `// Made by scripts/build-kernel.js from kernel/kernel.ts: WebAssembly, in base64.
export const KERNEL_WITH_SIMD: string =
  '${withSimd}'
export const KERNEL_WITHOUT_SIMD: string =
  '${withoutSimd}'
`,
  )
}
