// Does the fixed workload by io_uring, and kills itself in front of a result: `ring-child <path> <notes> <cached|direct> <seed>
// <result>`, counted from 1.
import { type NativeAddon, nativeAddon } from '#src/platform/native-addon.js'
import { NativeFile } from '#src/storage/native-file.js'
import { NodeStorage } from '#src/storage/node-storage.js'

import { work } from './recorder/workload.js'
import { NoteFile } from './ring-notes.js'

const [path = '', notesPath = '', mode, seed = '1', result = '1'] = process.argv.slice(2)

function dyingInFrontOf(addon: NativeAddon, number: number): NativeAddon {
  let results = 0
  return {
    ...addon,
    ringWrite: (fd, bytes, start, end, position, how, callback) =>
      addon.ringWrite(fd, bytes, start, end, position, how, (...outcome) => {
        if (++results === number) process.kill(process.pid, 'SIGKILL')
        callback(...outcome)
      }),
  }
}

const { addon } = nativeAddon()
if (addon === undefined || addon.ringOpen() < 0) throw new Error('there is no io_uring')
const dying = dyingInFrontOf(addon, Number(result))
const storage = new NodeStorage({
  engine: 'uring',
  makeFile: (fd, openMode) => new NativeFile(fd, openMode, dying, 'uring'),
})
const notes = new NoteFile(notesPath)
const options = { seed: Number(seed), direct: mode === 'direct', storage }
const failure = await work(path, (text) => notes.say(text), options)
if (failure !== undefined) throw failure
