/** A run that broke the program, made as short as could be. The message tells all of it. */
export class ScheduleError extends Error {
  override readonly name: string = 'ScheduleError'
  /** Give this as `replay` to see the same again. */
  readonly replay: string
  /** The seed it was found with; undefined if it was not found by one. */
  readonly seed: number | undefined
  /** What happened on the disk, in order. */
  readonly trace: readonly string[]

  constructor(report: Report) {
    super(describe(report), { cause: report.failure })
    this.replay = report.replay
    this.seed = report.seed
    this.trace = report.trace
  }
}

export interface Report {
  /** The function whose call repeats it. */
  readonly caller: string
  readonly failure: unknown
  readonly seed: number | undefined
  readonly replay: string
  readonly trace: readonly string[]
  /** How it was found and made shorter, in words. */
  readonly story: string
}

function describe({ caller, failure, seed, replay, trace, story }: Report): string {
  const lines = [
    failure instanceof Error ? `${failure.name}: ${failure.message}` : String(failure),
    '',
    story,
    `repeat it:  ${caller}({ ...options, replay: '${replay}' }, program)`,
    ...(seed === undefined ? [] : [`unshrunk:   ${caller}({ ...options, seed: ${seed}, schedules: 1 }, program)`]),
    '',
    ...trace,
  ]
  return lines.join('\n')
}
