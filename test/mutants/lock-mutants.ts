import type { Mutant } from './mutant.js'

const LIFE = 'src/journal/journal-life.ts'
const LOCK = 'src/journal/lock.ts'
const OWNERS = 'src/platform/owners.ts'

/** Faults in who may write, and until when. */
export const lockMutants: readonly Mutant[] = [
  {
    name: 'the file itself is not locked',
    breaks: 'D8',
    file: 'src/journal/open.ts',
    find: 'yield* lockDescription(storage, file, path, attempt)',
    replace: "{ inUse: 'OFD' } as const",
    caughtBy: { test: 'journal/file-lock', named: 'on the simulated disk: two names, two processes' },
  },
  {
    name: 'a lock is judged across pid namespaces',
    breaks: 'D8',
    file: OWNERS,
    find: 'if (owner.pidNamespace !== me.pidNamespace || !isId(owner.pid)) return false',
    replace: 'if (!isId(owner.pid)) return false',
    caughtBy: { test: 'journal/lock', named: 'nobody can tell about another pid namespace' },
  },
  {
    name: 'a lock is judged across hosts',
    breaks: 'D8',
    file: OWNERS,
    find: '  if (owner.host !== me.host) return false\n',
    replace: '',
    caughtBy: { test: 'journal/lock', named: 'nobody can tell about another host' },
  },
  {
    name: 'a lock is judged by a boot that is not known',
    breaks: 'D8',
    file: OWNERS,
    find: 'return owner.boot !== UNKNOWN && me.boot !== UNKNOWN',
    replace: 'return true',
    caughtBy: { test: 'unit/platform/owners', named: 'only where both boots are known' },
  },
  {
    name: 'a thread is gone while its process is still being killed',
    breaks: 'D8',
    file: OWNERS,
    find: 'return isEnding(proc, owner.pid, leader) ? isEveryTaskDead(proc, owner.pid) : true',
    replace: 'return true',
    caughtBy: { test: 'unit/platform/owners', named: 'missing from a process that is being killed' },
  },
  {
    name: 'a lock file is not synced before it gets its name',
    breaks: 'D8',
    file: LOCK,
    find: "    yield* call(file, 'sync')\n",
    replace: '',
    caughtBy: { seeds: 100 },
  },
  {
    name: 'a lock takes its name from whoever has it',
    breaks: 'D8',
    file: LOCK,
    find: "    return yield* call(storage, 'link', draft, path)\n",
    replace: "    return (yield* call(storage, 'rename', draft, path)) === undefined\n",
    caughtBy: { test: 'journal/lock', named: 'a second open in the same process is refused' },
  },
  {
    name: 'a dead holder is replaced without a second look',
    breaks: 'D8',
    file: LOCK,
    find: '      if (again !== found) continue\n',
    replace: '',
    caughtBy: { test: 'journal/lock', named: 'finds the one who came first' },
  },
  {
    name: 'a dead holder is replaced without the right to succeed it',
    breaks: 'D8',
    file: LOCK,
    find: '    yield* takeRight(claim, right)\n',
    replace: '',
    caughtBy: { test: 'journal/lock', named: 'a taker that lives is not overtaken' },
  },
  {
    name: "somebody else's lock is removed",
    breaks: 'D8',
    file: LOCK,
    find: 'if (text === this.#text) yield*',
    replace: 'yield*',
    caughtBy: { test: 'journal/lock', named: "a holder never removes somebody else's lock" },
  },
  {
    name: 'a lock is looked for without end',
    breaks: 'D10',
    file: LOCK,
    find: 'round < ROUNDS_MAX; round++',
    replace: '; round++',
    caughtBy: { test: 'journal/lock', named: 'a dangling link in the place of the lock is refused', hangs: true },
  },
  {
    name: 'a hard link to an open journal is not noticed',
    breaks: 'D8',
    file: 'src/journal/open.ts',
    find: '  if (other !== undefined) throw locked(',
    replace: '  if (other === path) throw locked(',
    caughtBy: { test: 'journal/lock', named: 'a hard link to an open journal is refused, and its lock does not stay' },
  },
  {
    name: 'the lock is released before the files are closed',
    breaks: 'D8',
    file: LIFE,
    find: '    this.#forgetAtExit()\n',
    replace: '    this.#opened.lock.releaseSync()\n    this.#forgetAtExit()\n',
    caughtBy: { test: 'journal/lock', named: 'the lock goes last' },
  },
]
