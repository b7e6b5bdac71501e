import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

import type { Act } from '../handle-acts/act.js'
import { checkSweep, checkTree, type Outcome } from '../handle-acts/check-tree.js'
import { apply, isDraft, partsOf, readTree, type Tree, writeTree } from '../handle-acts/tree.js'
import { ACKNOWLEDGED, type KillPlan, READY } from './plan.js'
import { SCRIPTS } from './scripts.js'

const CHILD = fileURLToPath(new URL('child.js', import.meta.url))

/** A system call in front of which a process is killed: the `nth` of this name that one of its threads makes. */
export interface Moment {
  readonly name: string
  readonly nth: number
  /** The act that is under way then, by its number. */
  readonly act: number
}

/** What came of a kill. */
export interface Struck extends Outcome {
  /** It may have come to its end before. */
  readonly isKilled: boolean
  /** How many acts were acknowledged by then. */
  readonly acknowledged: number
  readonly drafts: number
}

/** How a child has ended. */
interface Ended extends Pick<Struck, 'isKilled' | 'acknowledged'> {
  readonly pid: number
}

/** What keeps it from being done here. */
export class NoTracing extends Error {}

/** One script in one way, killed again and again by strace, which is there only while the script is at work. */
export class Kills {
  readonly #plan: KillPlan
  readonly #environment: NodeJS.ProcessEnv
  readonly #context: Pick<TestContext, 'after'>

  /** `FSYS_ENGINE` and the like are in the environment. What is started does not outlive the context. */
  constructor(
    context: Pick<TestContext, 'after'>,
    plan: KillPlan,
    environment: Readonly<Record<string, string | undefined>> = {},
  ) {
    this.#context = context
    this.#plan = plan
    // With one thread in the pool, the calls that it makes have an order.
    this.#environment = { ...process.env, UV_THREADPOOL_SIZE: '1', ...environment }
  }

  /**
   * The calls of one undisturbed run. What blocks makes them in the main thread, with those that only look at something.
   * What waits makes them in the pool's: there, only those that change something are as many each time.
   */
  async list(): Promise<readonly Moment[]> {
    const { base, script, way } = this.#plan
    const trace = `${base}.trace`
    const { acknowledged, pid } = await this.#run(['-o', trace, '-e', 'trace=%file,%desc'])
    const acts = SCRIPTS[script].acts.length
    if (acknowledged !== acts) throw new Error(`it has come to act ${acknowledged} of ${acts}`)
    const counts = new Map<string, number>()
    const moments: Moment[] = []
    let act = 0
    for (const line of readFileSync(trace, 'utf8').split('\n')) {
      const { thread, name, words } = CALL.exec(line)?.groups ?? {}
      if (thread === undefined || name === undefined || words === undefined) continue
      const nth = (counts.get(`${thread} ${name}`) ?? 0) + 1
      counts.set(`${thread} ${name}`, nth)
      const isMain = Number(thread) === pid
      const isOfScript = way === 'blocking' ? isMain && !OF_NODE.has(name) : !isMain && CHANGING.has(name)
      if (isOfScript && act < acts && !WAKES.test(words)) moments.push({ name, nth, act })
      if (isMain && words.startsWith(SAID)) act += 1
    }
    return moments
  }

  /** Throws a Violation. */
  async strike({ name, nth }: Moment): Promise<Struck> {
    const { base, script } = this.#plan
    const inject = `inject=${name}:signal=SIGKILL:when=${nth}`
    const { acknowledged, isKilled } = await this.#run(['-o', '/dev/null', '-e', `trace=${name}`, '-e', inject])
    const { before, acts } = SCRIPTS[script]
    const tree: Tree = new Map(before)
    for (const act of acts.slice(0, acknowledged)) apply(tree, partsOf(act, tree))
    return { ...check(base, tree, acts.slice(acknowledged, acknowledged + 1)), isKilled, acknowledged }
  }

  async #run(words: readonly string[]): Promise<Ended> {
    writeTree(this.#plan.base, SCRIPTS[this.#plan.script].before)
    const child = this.#start(process.execPath, [CHILD, JSON.stringify(this.#plan)])
    let said = ''
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (said += text))
    let complaint = ''
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (complaint += text))
    const ended = once(child, 'close')
    while (!said.startsWith(READY)) await Promise.race([once(child.stdout!, 'data'), failedTo('begin', ended)])
    const strace = this.#start('strace', ['-f', '-p', String(child.pid), ...words])
    const told = await firstWords(strace)
    if (!told.includes(' attached')) {
      child.kill('SIGKILL')
      throw new NoTracing(`strace cannot be used: ${told}`)
    }
    child.stdin!.end(READY)
    await Promise.all([ended, once(strace, 'close')])
    const isKilled = child.signalCode === 'SIGKILL'
    if (!isKilled && child.exitCode !== 0) throw new Error(`the child has ended with ${child.exitCode}: ${complaint}`)
    return { pid: child.pid as number, acknowledged: said.split(ACKNOWLEDGED).length - 1, isKilled }
  }

  #start(command: string, words: readonly string[]): ChildProcess {
    const child = spawn(command, words, { stdio: 'pipe', env: this.#environment })
    this.#context.after(() => child.kill('SIGKILL'))
    return child
  }
}

/** Compares what is there with what was acknowledged, sweeps, and compares again. */
function check(base: string, acknowledged: Tree, underWay: readonly Act[]): Outcome & { readonly drafts: number } {
  const found = readTree(base)
  const drafts = [...found.keys()].filter(isDraft)
  for (const draft of drafts) found.delete(draft)
  const outcome = checkTree(acknowledged, underWay, found)
  checkSweep(base, drafts, found)
  return { ...outcome, drafts: drafts.length }
}

/** What it says first on its standard error, or why there is none. */
async function firstWords(strace: ChildProcess): Promise<string> {
  try {
    const [words] = (await Promise.race([once(strace.stderr!, 'data'), once(strace, 'close')])) as [unknown]
    return String(words)
  } catch (error) {
    return (error as Error).message
  }
}

async function failedTo(what: string, ended: Promise<unknown[]>): Promise<never> {
  throw new Error(`the child does not ${what}, and ends with ${String((await ended)[0])}`)
}

/** A call as strace tells of it, when it begins. */
const CALL = /^(?<thread>\d+) +(?<name>\w+)\((?<words>.*)/u

/** What changes something, or makes it durable, be it Node that does it or the addon. */
const CHANGING = new Set(
  (
    'write writev pwrite64 pwritev pwritev2 ftruncate fallocate copy_file_range fsync fdatasync sync_file_range rename renameat ' +
    'renameat2 unlink unlinkat link linkat mkdir mkdirat rmdir fchmod fchown utimensat futimesat fsetxattr fremovexattr'
  ).split(' '),
)

/** What the main thread does besides: memory, and its event loop. */
const OF_NODE = new Set(['mmap', 'epoll_ctl', 'epoll_wait', 'epoll_pwait'])

/** A thread of the pool tells the main one that it has done something. */
const WAKES = /^\d+, "\\1\\0\\0\\0\\0\\0\\0\\0", 8/u

/** The main thread acknowledges. */
const SAID = `1, [{iov_base="${ACKNOWLEDGED}"`
