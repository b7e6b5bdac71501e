import type { Mutant } from './mutant.js'

const DIRECTORY_STORAGE = 'src/storage/directory-storage.ts'
const DIRECTORY_STORAGE_TEST = 'unit/storage/directory-storage'
const PLACE_JOURNAL = 'src/handle/place-journal.ts'
const ROOTED = 'journal/rooted'
const ROOTED_SCOPE = 'src/handle/rooted-scope.ts'
const SCOPE = 'handle/scope'
const VERIFIED = 'handle/verified'
const VERIFIED_DIRECTORY = 'src/handle/verified-directory.ts'

/** Faults in how a handle's root holds. */
export const scopeMutants: readonly Mutant[] = [
  {
    name: 'a walk that would leave the root stays in it',
    breaks: 'F5',
    file: ROOTED_SCOPE,
    find: "if (this.#opened.length === 0) throw outsideRoot(this.#asked, 'a symbolic link in it leads outside')",
    replace: 'if (this.#opened.length === 0) return []',
    caughtBy: { test: SCOPE, named: 'symbolic links that lead outside are not followed' },
  },
  {
    name: 'directories are opened by their path',
    breaks: 'F5',
    file: ROOTED_SCOPE,
    find: 'this.verified(yield* new Walk(this.#directory, asked).run(path))',
    replace: "this.verified(yield* call(this.#directory, 'openDirectory', path))",
    caughtBy: { test: SCOPE, named: 'nothing is written or read outside (Node alone)' },
  },
  {
    name: 'a path is not looked at again where directories cannot be pinned',
    breaks: 'F5',
    file: ROOTED_SCOPE,
    find: '    if (directory.isPinned) return directory\n',
    replace: '    if (directory.path) return directory\n',
    caughtBy: { test: SCOPE, named: 'what was opened is verified' },
  },
  {
    name: 'a journal in a root is opened by its path',
    breaks: 'F5',
    file: PLACE_JOURNAL,
    find: 'storage: inside,',
    replace: 'storage: inside && storage,',
    caughtBy: { test: ROOTED, named: 'stays in its directory, which is moved' },
  },
  {
    name: 'any directory is taken for the one that was found in the root',
    breaks: 'F5',
    file: PLACE_JOURNAL,
    find: 'if (wanted?.device === found?.device && wanted?.inode === found?.inode) return',
    replace: 'if (wanted?.device === found?.device) return',
    caughtBy: { test: ROOTED, named: 'a directory that becomes a link when its storage opens it' },
  },
  {
    name: 'a link beside a journal in a root is not seen',
    breaks: 'F5',
    file: DIRECTORY_STORAGE,
    find: '    if (facts?.isLink) throw isLink(path)\n',
    replace: '',
    caughtBy: { test: DIRECTORY_STORAGE_TEST, named: 'links in it are refused' },
  },
  {
    name: 'the directory of a journal in a root is not synced',
    breaks: 'D1 D6',
    file: DIRECTORY_STORAGE,
    find: '    return this.#directory.syncSync()\n',
    replace: '    return true\n',
    caughtBy: { test: 'sim/rooted', named: 'small workloads in the root of a handle' },
  },
  {
    name: 'a journal in a root never lets go of its directory',
    breaks: 'D10',
    file: 'src/journal/journal-life.ts',
    find: '    this.#opened.lock.releaseSync()\n    this.#letGo()\n  }\n\n  /** The process ends',
    replace: '    this.#opened.lock.releaseSync()\n  }\n\n  /** The process ends',
    caughtBy: { test: ROOTED, named: 'holds its directory open until it is closed' },
  },
  {
    name: 'a journal in a root that cannot be opened keeps its directory',
    breaks: 'D10',
    file: 'src/journal/open-journal.ts',
    find: '    place.letGo()\n',
    replace: '',
    caughtBy: { test: ROOTED, named: 'holds its directory open until it is closed, and no longer (waiting)' },
  },
  {
    name: 'what is opened to be written is open as a pipe would be',
    breaks: 'D10',
    file: 'src/storage/node-directory.ts',
    find: "return mode === 'read' ? O_NOFOLLOW | O_NONBLOCK : O_NOFOLLOW",
    replace: "return mode === 'direct' ? O_NOFOLLOW : O_NOFOLLOW | O_NONBLOCK",
    caughtBy: { test: 'unit/storage/directories', named: 'what is opened to be written waits for no pipe' },
  },
  {
    name: 'any file that was opened is taken for the one in the root',
    breaks: 'F5',
    file: VERIFIED_DIRECTORY,
    find: "if (isSame(yield* call(file, 'stat'), yield* this.#verify(name))) return file",
    replace: 'if (yield* this.#verify(name)) return file',
    caughtBy: { test: VERIFIED, named: 'a file that others replace between the two looks' },
  },
  {
    name: 'a file is opened and not verified where directories cannot be pinned',
    breaks: 'F5',
    file: VERIFIED_DIRECTORY,
    find: "if (isSame(yield* call(file, 'stat'), yield* this.#verify(name))) return file",
    replace: "if (name !== '') return file",
    caughtBy: { test: VERIFIED, named: 'read: a link that is swapped in right before' },
  },
  {
    name: 'a file is emptied before it is verified',
    breaks: 'F5',
    file: VERIFIED_DIRECTORY,
    find: "    if (mode === 'replace') return yield* this.#openEmptied(name, permissions)\n",
    replace: '',
    caughtBy: { test: VERIFIED, named: 'empty: a link that is swapped in right before' },
  },
  {
    name: 'what was made outside stays there',
    breaks: 'F5',
    file: VERIFIED_DIRECTORY,
    find: "const isMade = mode === 'create' &&",
    replace: "const isMade = mode === 'append' &&",
    caughtBy: { test: VERIFIED, named: 'make: a link that is swapped in right before' },
  },
  {
    name: 'what was looked up is not verified',
    breaks: 'F5',
    file: VERIFIED_DIRECTORY,
    find: '    const result = yield* looking\n    yield* this.#verify()\n',
    replace: '    const result = yield* looking\n',
    caughtBy: { test: VERIFIED, named: 'stat: a link that is swapped in right before' },
  },
  {
    name: 'names are changed wherever the path leads',
    breaks: 'F5',
    file: VERIFIED_DIRECTORY,
    find: '    yield* this.#verify()\n    const result = yield* changing\n',
    replace: '    const result = yield* changing\n',
    caughtBy: { test: VERIFIED, named: 'unlink: is refused where a link was there before' },
  },
  {
    name: 'names that were changed somewhere else are not told of',
    breaks: 'F5',
    file: VERIFIED_DIRECTORY,
    find: "      yield* this.#verify()\n    } catch (error) {\n      throw outsideRoot(this.path, 'something",
    replace: "      this.#inner.path\n    } catch (error) {\n      throw outsideRoot(this.path, 'something",
    caughtBy: { test: VERIFIED, named: 'rename: a link that is swapped in right after it is reported' },
  },
  {
    name: 'a directory that took the place of another is taken for it',
    breaks: 'F5',
    file: VERIFIED_DIRECTORY,
    find: '      if (!isSame(own, now)) throw',
    replace: '      if (!own || !now) throw',
    caughtBy: { test: VERIFIED, named: 'another directory in the place of the one that was opened' },
  },
  {
    name: 'a directory that is outside by now is taken for one that is beneath the root',
    breaks: 'F5',
    file: VERIFIED_DIRECTORY,
    find: '      if (!isWithin(real, this.#root)) throw',
    replace: '      if (!real) throw',
    caughtBy: { test: SCOPE, named: 'what was opened is verified' },
  },
]
