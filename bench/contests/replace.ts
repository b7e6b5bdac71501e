import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { type Handle, createHandle } from 'fsys'
import writeFileAtomic from 'write-file-atomic'

import type { Contender, Contest } from '../measure.js'
import type { Scratch } from '../scratch.js'

const FILES = 1000
const CONTENT = Buffer.alloc(1024, 'x')

/** Replaces small files that are there, in one directory. */
export function replaceContests(scratch: Scratch): Contest[] {
  const all = 'write-file-atomic, all at once'
  const loop = 'write-file-atomic, one by one'
  return [
    {
      name: `${FILES} files of 1 KiB are replaced`,
      unit: 'files/s',
      contenders: [
        withHandle(scratch, 'fsys writeBatch', FILES, (handle, names) =>
          handle.writeBatch(names.map((name) => [name, CONTENT])),
        ),
        withPeer(scratch, all, FILES, async (paths) => {
          await Promise.all(paths.map((path) => writeFileAtomic(path, CONTENT)))
        }),
        withHandle(scratch, 'fsys write, one by one', FILES / 10, async (handle, names) => {
          for (const name of names) await handle.write(name, CONTENT)
        }),
        withPeer(scratch, loop, FILES / 10, async (paths) => {
          for (const path of paths) await writeFileAtomic(path, CONTENT)
        }),
      ],
      floors: [{ contender: 'fsys writeBatch', to: loop, relation: '>=', value: 3 }],
    },
  ]
}

type Replace<Where> = (where: Where, names: readonly string[]) => Promise<void>

function withHandle(scratch: Scratch, name: string, count: number, replace: Replace<Handle>): Contender {
  const durable = 'content and name, of each file'
  return contender(scratch, name, durable, count, async (directory, names) => {
    const handle = createHandle({ root: directory })
    try {
      return await timed(count, () => replace(handle, names))
    } finally {
      handle.close()
    }
  })
}

function withPeer(
  scratch: Scratch,
  name: string,
  count: number,
  replace: (paths: readonly string[]) => Promise<void>,
): Contender {
  const durable = 'content of each file, and no name: a power cut may bring the old one back'
  return contender(scratch, name, durable, count, (directory, names) => {
    const paths = names.map((each) => join(directory, each))
    return timed(count, () => replace(paths))
  })
}

function contender(
  scratch: Scratch,
  name: string,
  durable: string,
  count: number,
  measure: (directory: string, names: readonly string[]) => Promise<number>,
): Contender {
  return {
    name,
    durable,
    async run() {
      const directory = scratch.fresh()
      const names = Array.from({ length: count }, (_, index) => `file-${index}`)
      mkdirSync(directory)
      for (const each of names) writeFileSync(join(directory, each), CONTENT)
      const figure = await measure(directory, names)
      rmSync(directory, { recursive: true })
      return figure
    },
  }
}

/** How many a second. */
async function timed(count: number, work: () => Promise<void>): Promise<number> {
  const begun = performance.now()
  await work()
  return (count / (performance.now() - begun)) * 1000
}
