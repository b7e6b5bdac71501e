// Builds everything: the WebAssembly kernel (embedded as bytes in a generated module), the native addon where there is a C
// compiler, then the TypeScript projects.
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync } from 'node:fs'

const run = (script, ...options) => execFileSync(process.execPath, [script, ...options], { stdio: 'inherit' })

run('scripts/build-kernel.js')
run('scripts/build-native.js')

const projects = ['src', 'demo', 'bench', 'test'].filter((name) => existsSync(`${name}/tsconfig.json`))
run('node_modules/typescript/bin/tsc', '--build', ...projects)

// `npx fsys` in a checkout runs it as a program; what npm installs, npm makes executable.
chmodSync('dist/cli/main.js', 0o755)
