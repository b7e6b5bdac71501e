import type { Mutant } from './mutant.js'

const ATOMIC_WRITE = 'src/handle/atomic-write.ts'
const ATTRIBUTES = 'src/handle/attributes.ts'
const BATCH_CRASHES = 'handle/batch-crash'
const BATCH_RUN = 'src/handle/batch-run.ts'
const CONTENT = 'src/handle/content.ts'
const DURABILITY = 'src/handle/durability.ts'
const ROOTED_SCOPE = 'src/handle/rooted-scope.ts'
const CRASHES = 'handle/crash'
const SCOPE = 'handle/scope'

/** Faults in what a handle does with files. */
export const handleMutants: readonly Mutant[] = [
  {
    name: 'the directory of a file is not synced',
    breaks: 'F2',
    file: DURABILITY,
    find: "    if (yield* this.#meter.sync('directory', call(directory, 'sync'))) return\n",
    replace: '    if (directory) return\n',
    caughtBy: { test: CRASHES, named: 'write replaces a file (data)' },
  },
  {
    name: 'a draft is not synced before it gets its name',
    breaks: 'F1',
    file: ATOMIC_WRITE,
    find: '    yield* context.durability.sync(file, directory, made, hasNewAttributes)\n',
    replace: '',
    caughtBy: { test: CRASHES, named: 'write replaces a file (data)' },
  },
  {
    name: 'a new file is acknowledged with its data unsynced where it was appended to',
    breaks: 'F2',
    file: 'src/handle/file-changes.ts',
    find: '      yield* context.durability.sync(file, place.directory, facts)\n',
    replace: '',
    caughtBy: { test: CRASHES, named: 'append to a file (data)' },
  },
  {
    name: 'the name of a file that others have made is not synced',
    breaks: 'F2',
    file: 'src/handle/open-place.ts',
    find: '    yield* confirmNames(context, place.directory, place.name)\n',
    replace: '',
    caughtBy: { test: CRASHES, named: 'what others have made and not synced is made durable' },
  },
  {
    name: 'what is renamed is not synced before',
    breaks: 'F2',
    file: 'src/handle/names.ts',
    find: "  if (source.facts?.isFile) yield* withFile(source, 'read', (file) => call(file, 'sync'))\n",
    replace: '',
    caughtBy: { test: CRASHES, named: 'what others have made and not synced is made durable' },
  },
  {
    name: 'permission bits are left to a data sync',
    breaks: 'F3',
    file: DURABILITY,
    find: "method === 'sync' || hasNewAttributes ? 'sync' : 'dataSync'",
    replace: "method === 'sync' ? 'sync' : 'dataSync'",
    caughtBy: { test: CRASHES, named: 'write over a public file, with a umask that takes that away' },
  },
  {
    name: 'a draft is made with the bits of a new file',
    breaks: 'F3',
    file: ATOMIC_WRITE,
    find: 'keepsAll ? 0o600 : firstPermissions(old)',
    replace: 'mode',
    caughtBy: { test: CRASHES, named: 'write over a private file' },
  },
  {
    name: 'the mask of an access control list becomes the bits of the group',
    breaks: 'F3',
    file: ATTRIBUTES,
    find: "list = hasGroup && (yield* call(directory, 'copyAttributes', name, file, 'access-list'))",
    replace: 'list = hasGroup',
    caughtBy: { test: CRASHES, named: 'write over a file with an access control list' },
  },
  {
    name: 'a draft is open to the group before it has its access control list',
    breaks: 'F3',
    file: ATTRIBUTES,
    find: "return list === 'none' ? withoutGroup(facts.permissions) : facts.permissions & 0o700",
    replace: "return list === 'none' ? withoutGroup(facts.permissions) : facts.permissions & 0o777",
    caughtBy: { test: CRASHES, named: 'write over a file with an access control list' },
  },
  {
    name: 'an access control list is left to a data sync',
    breaks: 'F3',
    file: ATTRIBUTES,
    find: 'areNew: isNew ||',
    replace: 'areNew: false &&',
    caughtBy: { test: CRASHES, named: 'write over a file with an access control list' },
  },
  {
    name: 'a file is given to another group with the rights of the old one',
    breaks: 'F3',
    file: ATTRIBUTES,
    find: 'const hasGroup = made.group === facts.group || (yield* tryOwner(file, made.user, facts.group))',
    replace: 'const hasGroup = true',
    caughtBy: { test: 'handle/attributes', named: 'a file whose group cannot be kept' },
  },
  {
    name: 'set-user-id bits are kept for another owner',
    breaks: 'F3',
    file: ATTRIBUTES,
    find: 'owner ? permissions : permissions & 0o777',
    replace: 'permissions',
    caughtBy: { test: 'handle/attributes', named: 'set-user-id bits are not given to another owner' },
  },
  {
    name: 'the drafts of the dead are left where they are',
    breaks: 'F4',
    file: ATOMIC_WRITE,
    find: '  yield* context.sweeper.sweepOnce(directory)\n',
    replace: '',
    caughtBy: { test: CRASHES, named: 'write replaces a file (data)' },
  },
  {
    name: 'drafts are removed whoever writes them',
    breaks: 'F4',
    file: 'src/handle/sweeper.ts',
    find: 'owner === undefined || !this.#storage.owners.isGone(owner)',
    replace: 'owner === undefined',
    caughtBy: { test: 'handle/drafts', named: 'those of the living are not' },
  },
  {
    name: 'a draft is left behind when its write fails',
    breaks: 'F4',
    file: ATOMIC_WRITE,
    find: `    yield* closeQuietly(file)
    yield* discardDraft(directory, draft)
    throw error`,
    replace: `    yield* closeQuietly(file)
    throw error`,
    caughtBy: { test: 'handle/faults', named: 'a file that does not fit' },
  },
  {
    name: 'a failed sync of the directory is told as if nothing had happened',
    breaks: 'F2',
    file: ATOMIC_WRITE,
    find: "    throw new FsysError('ERR_FSYS_UNCONFIRMED', message",
    replace: "    throw new FsysError('ERR_FSYS_IO', message",
    caughtBy: { test: 'handle/faults', named: 'the error says that the new content is in place' },
  },
  {
    name: 'what is left of a page goes past the page cache unwritten',
    breaks: 'F1',
    file: CONTENT,
    find: '    if (done < gathered.length) yield* this.#write(gathered.subarray(done))\n',
    replace: '    if (done === 0) yield* this.#write(gathered)\n',
    caughtBy: { test: 'handle/handle', named: 'direct, on the file system that is here' },
  },
  {
    name: 'a walk that would leave the root stays in it',
    breaks: 'F5',
    file: ROOTED_SCOPE,
    find: "if (this.#opened.length === 0) throw outside(this.#asked, 'a symbolic link in it leads outside')",
    replace: 'if (this.#opened.length === 0) return []',
    caughtBy: { test: SCOPE, named: 'symbolic links that lead outside are not followed' },
  },
  {
    name: 'directories are opened by their path',
    breaks: 'F5',
    file: ROOTED_SCOPE,
    find: '    return yield* new Walk(this.#directory, asked).run(path)',
    replace: "    return yield* call(this.#directory, 'openDirectory', path)",
    caughtBy: { test: SCOPE, named: 'nothing is written or read outside (Node alone)' },
  },
  {
    name: 'a path is not looked at again where directories cannot be pinned',
    breaks: 'F5',
    file: ROOTED_SCOPE,
    find: '    if (directory.isPinned) return\n',
    replace: '    if (directory.path !== undefined) return\n',
    caughtBy: { test: SCOPE, named: 'what was opened is verified' },
  },
  {
    name: 'a directory is acknowledged before its name is durable',
    breaks: 'F2',
    file: 'src/handle/make-directories.ts',
    find: '    if (wasMissing) yield* confirmNames(context, directory, name)\n    else yield* confirmOthers',
    replace: '    if (!wasMissing) yield* confirmOthers',
    caughtBy: { test: 'handle/directories-crash', named: 'mkdirAll' },
  },
  {
    name: 'mkdirAll trusts that levels that are there were synced by whoever has made them',
    breaks: 'F2',
    file: 'src/handle/make-directories.ts',
    find: '    else yield* confirmOthers(context, directory, name)\n',
    replace: '',
    caughtBy: { test: 'handle/directories-crash', named: 'mkdirAll of what others have made and not synced' },
  },
  {
    name: 'a tree is removed without the sync of the directory that held it',
    breaks: 'F2',
    file: 'src/handle/remove-directories.ts',
    find: '    yield* confirmNames(context, directory, name)\n    return wasThere\n',
    replace: '    return wasThere\n',
    caughtBy: { test: 'handle/directories-crash', named: 'rmdirAll' },
  },
  {
    name: 'a batch resolves before its directories are synced',
    breaks: 'F2',
    file: 'src/handle/open-directories.ts',
    find: '    const paths = [...this.#changed].values()\n',
    replace: '    const paths = new Array<string>().values()\n',
    caughtBy: { test: BATCH_CRASHES, named: '{}' },
  },
  {
    name: 'what has failed counts as not started',
    breaks: 'F6',
    file: BATCH_RUN,
    find: "    this.#states[index] = 'failed'\n",
    replace: "    this.#states[index] = 'not-started'\n",
    caughtBy: { test: BATCH_CRASHES, named: 'EIO {}' },
  },
  {
    name: 'a batch does not sync the directory of files that were replaced in one trip',
    breaks: 'F2',
    file: BATCH_RUN,
    find: '      this.#directories.changed(parent)\n      for (const [at, index]',
    replace: '      for (const [at, index]',
    caughtBy: { test: BATCH_CRASHES, named: 'small files, in trips of three' },
  },
  {
    name: 'a batch takes what one trip could not do for done',
    breaks: 'F2',
    file: BATCH_RUN,
    find: `        else if (outcome instanceof Error) this.#fail(index, outcome)
      }
      return chunk.filter((_, at) => outcomes[at] === 'not-plain')`,
    replace: `        else if (outcome instanceof Error) this.#fail(index, outcome)
        else this.#done(index, 0)
      }
      return []`,
    caughtBy: { test: BATCH_CRASHES, named: 'small files, in trips of three' },
  },
  {
    name: 'a batch counts a file that has failed in one trip as done',
    breaks: 'F6',
    file: BATCH_RUN,
    find: 'else if (outcome instanceof Error) this.#fail(index, outcome)',
    replace: 'else if (outcome instanceof Error) this.#done(index, 0)',
    caughtBy: { test: BATCH_CRASHES, named: 'EIO small files, in trips of three' },
  },
  {
    name: 'a batch is not stopped by a write that has failed',
    breaks: 'F6',
    file: BATCH_RUN,
    find: '    this.#stop ??= { cause: error }\n    if ((error',
    replace: "    if (kind !== 'write') this.#stop ??= { cause: error }\n    if ((error",
    caughtBy: { test: BATCH_CRASHES, named: 'EIO small files, in trips of three' },
  },
  {
    name: 'a batch that replaces files in one trip leaves the drafts of the dead',
    breaks: 'F4',
    file: BATCH_RUN,
    find: '      await run(sweeper.sweepOnce(directory))\n',
    replace: '',
    caughtBy: { test: BATCH_CRASHES, named: 'small files, in trips of three' },
  },
  {
    name: 'a batch asks one trip for a data sync whatever the method',
    breaks: 'F2',
    file: BATCH_RUN,
    find: "directory.replaceFiles(files, method === 'sync')",
    replace: 'directory.replaceFiles(files, false)',
    caughtBy: { test: BATCH_CRASHES, named: 'a trip uses the sync that the method asks for' },
  },
]
