import { appendFileSync, existsSync, readFileSync } from 'node:fs'

import type { Note } from './recorder/log.js'

/** What a process says of its work, in a file that outlives it. */
export class NoteFile {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  say(text: string): void {
    appendFileSync(this.path, `${text}\n`)
  }

  read(): Note[] {
    const lines = existsSync(this.path) ? readFileSync(this.path, 'utf8').split('\n').slice(0, -1) : []
    return lines.map((text, at) => ({ at, text }))
  }
}
