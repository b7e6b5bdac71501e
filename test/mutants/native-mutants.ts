import type { Mutant } from './mutant.js'

const REPLACE = 'native/replace.c'
const WRITE = 'native/write.c'
const ENGINE = 'native/engine.c'
const BATCHES = 'crash/recorder/batch-states'
const REPLACING = 'native/replace'
const WRITING = 'native/write'

/** Faults in the native addon, which is built anew for each of them. */
export const nativeMutants: readonly Mutant[] = [
  {
    name: 'data that is dropped as the system begins to write a draft is passed over',
    breaks: 'F1',
    file: REPLACE,
    find: 'if (result == 0) result = begin_writeback(draft->fd);',
    replace: 'if (result == 0) (void)begin_writeback(draft->fd);',
    caughtBy: { test: REPLACING, named: 'whose data the system has dropped' },
  },
  {
    name: 'many drafts get their names without a sync',
    breaks: 'F1',
    file: REPLACE,
    find: '      int result = sync_draft(draft, is_full);\n',
    replace: '      int result = is_full ? sync_draft(draft, is_full) : 0;\n',
    caughtBy: { test: BATCHES, named: 'many files in one trip' },
  },
  {
    name: 'many drafts get their names before they are synced',
    breaks: 'F1',
    file: REPLACE,
    find: '      int result = sync_draft(draft, is_full);\n',
    replace:
      '      if (renameat(directory, draft->draft, directory, draft->name) == 0) draft->exists = false;\n      int result = sync_draft(draft, is_full);\n',
    caughtBy: { test: BATCHES, named: 'many files in one trip' },
  },
  {
    name: 'a draft among many can be read by more than the old file',
    breaks: 'F3',
    file: REPLACE,
    find: 'O_CLOEXEC, first);',
    replace: 'O_CLOEXEC, is_there ? 0666 : first);',
    caughtBy: { test: BATCHES, named: 'many files in one trip' },
  },
  {
    name: 'the permission bits of many drafts are left to a data sync',
    breaks: 'F3',
    file: REPLACE,
    find: 'if (!is_full && !draft->has_new_attributes)',
    replace: 'if (!is_full)',
    caughtBy: { test: BATCHES, named: 'many files in one trip' },
  },
  {
    name: 'a draft among many is written over that of another',
    breaks: 'F4',
    file: REPLACE,
    find: 'O_CREAT | O_EXCL |',
    replace: 'O_CREAT |',
    caughtBy: { test: REPLACING, named: 'a draft that is there already is not touched' },
  },
  {
    name: 'of many files, one that fails leaves its draft',
    breaks: 'F4',
    file: REPLACE,
    find: '    (void)unlinkat(directory, draft->draft, 0);\n',
    replace: '',
    caughtBy: { test: REPLACING, named: 'one that fails leaves the others alone, and no draft' },
  },
  {
    name: 'of many drafts, one whose sync has failed gets its name',
    breaks: 'F1',
    file: REPLACE,
    find: 'if (result < 0) fail(&files[at], STEP_SYNC, result);',
    replace: 'if (result < 0 && is_full) fail(&files[at], STEP_SYNC, result);',
    caughtBy: { test: REPLACING, named: 'one that fails leaves the others alone, and no draft' },
  },
  {
    name: 'the addon does not go on with a short write',
    breaks: 'D3',
    file: WRITE,
    find: 'while (*written < length) {',
    replace: 'if (*written < length) {',
    caughtBy: { test: WRITING, named: 'pool: D3 short writes are gone on with' },
  },
  {
    name: 'the addon tries a failed sync again',
    breaks: 'D5',
    file: WRITE,
    find: '  uint32_t fault = fault_now(FAULT_SYNC);\n',
    replace: '  uint32_t fault = fault_now(FAULT_SYNC);\n  if (fault != 0) fault = fault_now(FAULT_SYNC);\n',
    caughtBy: { test: WRITING, named: 'pool: D5 a disk failure is told' },
  },
  {
    name: 'a write of the addon that is to be its own sync is none',
    breaks: 'D1',
    file: WRITE,
    find: '0ul, RWF_DSYNC);',
    replace: '0ul, 0);',
    caughtBy: { test: WRITING, named: 'pool: D1 what is to be synced makes the device flush' },
  },
  {
    name: 'a job that has only the sync left leaves that out',
    breaks: 'D1',
    file: 'native/write-calls.c',
    find: 'return sync_data(wanted->fd);',
    replace: 'return 0;',
    caughtBy: { test: WRITING, named: 'pool: D1 what is to be synced makes the device flush' },
  },
  {
    name: 'what a job comes to is not told',
    breaks: 'D5',
    file: 'native/operation.c',
    find: '  struct operation *operation = uv_req_get_data((uv_req_t *)work);\n  operation->result = operation->run(operation);\n',
    replace: '  struct operation *operation = uv_req_get_data((uv_req_t *)work);\n  operation->run(operation);\n',
    caughtBy: { test: WRITING, named: 'pool: D5 a disk failure is told' },
  },
  {
    name: 'memory that a job writes from is not kept',
    breaks: 'D4b',
    file: 'native/operation.c',
    find: 'callback, memory == NULL ? nothing : memory)',
    replace: 'callback, memory == NULL ? memory : nothing)',
    caughtBy: { test: 'native/operations', named: 'pool: D4b memory that nobody else holds' },
  },
  {
    name: 'a sync of the ring stands for the write that has failed before it',
    breaks: 'D5',
    file: ENGINE,
    find: '    if (operation->result < 0) return true;\n',
    replace:
      '    if (operation->result < 0) {\n      operation->result = operation->sync_result == -ECANCELED ? 0 : operation->result;\n      return true;\n    }\n',
    caughtBy: { test: WRITING, named: 'ring: D5 a disk failure is told' },
  },
  {
    name: 'the end of a write of the ring is taken for that of its sync',
    breaks: 'D5',
    file: ENGINE,
    find: '  operation->result = operation->sync_result;\n',
    replace: '  operation->result = operation->has_write ? 0 : operation->sync_result;\n',
    caughtBy: { test: WRITING, named: 'ring: D5 a disk failure is told' },
  },
  {
    name: 'a sync of the ring does not wait for its write',
    breaks: 'D4',
    file: ENGINE,
    find: '  if (operation->is_sync_linked) entry->flags |= IOSQE_IO_LINK;\n',
    replace: '',
    caughtBy: { test: WRITING, named: 'ring: D5 a disk failure is told' },
  },
  {
    name: 'the lock of a description is not taken',
    breaks: 'D8',
    file: 'native/files.c',
    find: 'return set_lock(env, info, F_WRLCK);',
    replace: 'return set_lock(env, info, F_UNLCK);',
    caughtBy: { test: 'native/files', named: 'D8: a lock keeps out every other description' },
  },
  {
    name: 'the last byte of a payload is left out of the checksum of the addon',
    breaks: 'D3',
    file: 'native/checksum.c',
    find: 'for (length &= 3; length > 0; bytes++, length--)',
    replace: 'for (length &= 3; length > 1; bytes++, length--)',
    caughtBy: { test: 'native/checksum', named: 'right on x64' },
  },
  {
    name: 'a lane of a checksum is put in the place of another',
    breaks: 'D3',
    file: 'native/checksum.c',
    find: 'product(first, shifts[2 * words]) ^ product(second, shifts[words])',
    replace: 'product(first, shifts[words]) ^ product(second, shifts[2 * words])',
    caughtBy: { test: 'native/checksum', named: 'right on x64' },
  },
]
