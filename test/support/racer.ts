import { Worker } from 'node:worker_threads'

/**
 * A thread that puts links to `outside`, beside the root, in the place of the root's `d`, `d/e` and `f`, and takes them away again,
 * all the time.
 */
export async function startRacer(root: string): Promise<{ stop: () => Promise<void> }> {
  const worker = new Worker(`(${race.toString()})()`, { eval: true, workerData: { root } })
  await new Promise((resolve) => worker.once('message', resolve))
  return {
    stop: async () => {
      await worker.terminate()
    },
  }
}

/** Runs in the worker, where there is nothing but Node. */
function race(): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads')
  const fs = process.getBuiltinModule('node:fs')
  const { root } = workerData as { root: string }
  const attemptAll = (...steps: (() => void)[]): void => {
    for (const step of steps) {
      try {
        step()
      } catch {
        // The other one was faster.
      }
    }
  }
  fs.symlinkSync('../outside', `${root}/link`)
  fs.symlinkSync('../outside/file', `${root}/file-link`)
  parentPort?.postMessage('begins')
  for (;;) {
    attemptAll(
      () => fs.renameSync(`${root}/d`, `${root}/away`),
      () => fs.renameSync(`${root}/link`, `${root}/d`),
      () => fs.renameSync(`${root}/d`, `${root}/link`),
      () => fs.renameSync(`${root}/away`, `${root}/d`),
      () => fs.renameSync(`${root}/d/e`, `${root}/e-away`),
      () => fs.symlinkSync('../../outside/e', `${root}/d/e`),
      () => fs.unlinkSync(`${root}/d/e`),
      () => fs.renameSync(`${root}/e-away`, `${root}/d/e`),
      () => fs.linkSync(`${root}/file-link`, `${root}/f`),
      () => fs.unlinkSync(`${root}/f`),
    )
  }
}
