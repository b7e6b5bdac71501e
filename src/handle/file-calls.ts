import type { Steps } from '../storage/steps.js'
import { replaceFile } from './atomic-write.js'
import { HandleLife } from './handle-life.js'
import { settleWriteOptions, type WriteOptions } from './options.js'
import { atPlace } from './scope.js'
import { type Data, sourceOf, type StreamedData } from './source.js'

/** What a handle does with files. */
export abstract class FileCalls extends HandleLife {
  /**
   * Replaces a file, or makes it: atomically, so that everybody, also after a crash, sees the old content or the new one and
   * never a mixture; and durably: when it resolves, the new content survives power loss. A symbolic link is followed, and what
   * it leads to is replaced. The replaced file keeps its permission bits; its owner and its times are new, and other hard
   * links keep the old content.
   *
   * Bytes must not change until it has resolved. What comes in pieces is taken as fast as it can be written.
   *
   * Rejects with the old file in place and nothing left over: with a FsysError of code ERR_FSYS_NO_SPACE, ERR_FSYS_ACCESS,
   * ERR_FSYS_NOT_FOUND (no such directory), ERR_FSYS_NOT_A_FILE, ERR_FSYS_OUTSIDE_ROOT, ERR_FSYS_READ_ONLY, ERR_FSYS_LINKS,
   * ERR_FSYS_BAD_NAME, ERR_FSYS_IO or ERR_FSYS_CLOSED; with what the source has thrown; with the signal's reason. But with
   * ERR_FSYS_UNCONFIRMED the new content is in place, and a power cut may undo that.
   */
  async write(path: string | URL, data: Data | StreamedData, options?: WriteOptions): Promise<void> {
    await this.wait('write', path, this.#write('write', path, data, options))
  }

  /** As `write`, blocking: no async iterable, and no signal. */
  writeSync(path: string | URL, data: Data | Iterable<Data>, options?: WriteOptions): void {
    this.block('write', path, this.#write('writeSync', path, data, options))
  }

  *#write(caller: string, path: string | URL, data: Data | StreamedData, options?: WriteOptions): Steps<void> {
    const { mode, signal } = settleWriteOptions(caller, options)
    const source = sourceOf(data)
    yield* atPlace(this.context.scope, this.context.scope.settle(path), 'follow', (place) =>
      replaceFile(this.context, place, source, { mode, signal }),
    )
  }
}
