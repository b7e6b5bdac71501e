/**
 * Work on storage that is written once and runs in both ways: blocking, for the `Sync` calls, and waiting. Such work is a
 * generator that yields the calls it wants made.
 *
 * ```ts
 * function* sizeOf(file: StorageFile): Steps<number> {
 *   return (yield* call(file, 'stat')).size
 * }
 * const size = runSync(sizeOf(file))
 * const same = await run(sizeOf(file))
 * ```
 */
export type Steps<Result> = Generator<Step, Result, unknown>

/** A call that is to be made: of `target[name]` when waiting, of `target[nameSync]` when blocking. */
interface Step {
  readonly target: Methods
  readonly name: string
  readonly values: readonly unknown[]
}

type Methods = Record<string, (...values: readonly unknown[]) => unknown>

type AnyFunction = (...values: never[]) => unknown

/** The methods of `Target` that have a twin: `read`, beside which there is `readSync`. */
type Twinned<Target> = {
  [Name in keyof Target & string]: `${Name}Sync` extends keyof Target
    ? Target[Name] extends AnyFunction
      ? Name
      : never
    : never
}[keyof Target & string]

type Method<Target, Name extends keyof Target> = Extract<Target[Name], AnyFunction>

/** Makes one call: `target.name(...values)` when waiting, `target.nameSync(...values)` when blocking. */
export function call<Target extends object, Name extends Twinned<Target>>(
  target: Target,
  name: Name,
  ...values: Parameters<Method<Target, Name>>
): Steps<Awaited<ReturnType<Method<Target, Name>>>> {
  return new Call(target as Methods, name, values) as Iterator<Step, unknown> as Steps<
    Awaited<ReturnType<Method<Target, Name>>>
  >
}

/**
 * The steps of one call: one step when waiting, and none when blocking, as it is made then and there. So blocking work runs
 * as if it were written without generators, at half the cost of going out to `runSync` and back for each call.
 */
class Call implements Iterator<Step, unknown>, Step {
  readonly target: Methods
  readonly name: string
  readonly values: readonly unknown[]
  #isMade = false

  constructor(target: Methods, name: string, values: readonly unknown[]) {
    this.target = target
    this.name = name
    this.values = values
  }

  [Symbol.iterator](): this {
    return this
  }

  next(answer?: unknown): IteratorResult<Step, unknown> {
    if (this.#isMade) return { done: true, value: answer }
    this.#isMade = true
    if (!isBlocking) return { done: false, value: this }
    return { done: true, value: this.target[twinOf(this.name)]?.(...this.values) }
  }

  throw(error: unknown): never {
    throw error
  }
}

/** `read` to `readSync`; made once for each name. */
const twins = new Map<string, string>()

function twinOf(name: string): string {
  const known = twins.get(name)
  if (known !== undefined) return known
  const twin = `${name}Sync`
  twins.set(name, twin)
  return twin
}

/** Whether the work that is running now is run by `runSync`. What it calls can itself run work, in either way. */
let isBlocking = false

/** Whether the work that is running now waits: then it may begin something that goes on beside it. */
export function isWaiting(): boolean {
  return !isBlocking
}

/** Does the work without letting anything else run in this thread. */
export function runSync<Result>(steps: Steps<Result>): Result {
  const outer = isBlocking
  isBlocking = true
  try {
    const state = steps.next()
    if (!state.done) throw new Error('fsys is broken, please report it: blocking work has waited')
    return state.value
  } finally {
    isBlocking = outer
  }
}

/** Does the work, waiting for each call. */
export async function run<Result>(steps: Steps<Result>): Promise<Result> {
  let state = goOn(steps, undefined)
  while (!state.done) {
    let answer: unknown
    try {
      const { target, name, values } = state.value
      // One call after the other is the point.
      // oxlint-disable-next-line no-await-in-loop
      answer = await target[name]?.(...values)
    } catch (error) {
      state = goOn(steps, error, true)
      continue
    }
    state = goOn(steps, answer)
  }
  return state.value
}

/** Goes on with work that waits, wherever it was begun from. */
function goOn<Result>(steps: Steps<Result>, answer: unknown, isError = false): IteratorResult<Step, Result> {
  const outer = isBlocking
  isBlocking = false
  try {
    return isError ? steps.throw(answer) : steps.next(answer)
  } finally {
    isBlocking = outer
  }
}
