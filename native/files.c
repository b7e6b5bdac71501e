// One function a system call on files. Offsets and lengths are in bytes.
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "operation.h"
#include "statx.h"

static int64_t result_of(int64_t result) { return result < 0 ? -errno : result; }

// What runs on the thread pool works on an operation, and what blocks on one that lives on the stack.

static int64_t run_fallocate(struct operation *operation) {
  const struct request *wanted = &operation->wanted;
  return result_of(fallocate(wanted->fd, wanted->mode, wanted->offset, wanted->length));
}

static int64_t run_fadvise(struct operation *operation) {
  const struct request *wanted = &operation->wanted;
  return -posix_fadvise(wanted->fd, wanted->offset, wanted->length, wanted->mode);
}

// Has the disk begin with the dirty pages of a range, and waits for none of them.
static int64_t run_start_writeback(struct operation *operation) {
  const struct request *wanted = &operation->wanted;
  return result_of(sync_file_range(wanted->fd, wanted->offset, wanted->length, SYNC_FILE_RANGE_WRITE));
}

// One call, which may copy less than was asked for.
static int64_t run_copy_file_range(struct operation *operation) {
  const struct request *wanted = &operation->wanted;
  int64_t from = wanted->offset;
  int64_t to = wanted->other_offset;
  size_t length = (size_t)wanted->length;
  return result_of(syscall(SYS_copy_file_range, wanted->fd, &from, wanted->other_fd, &to, length, 0u));
}

static int64_t run_clone_file(struct operation *operation) {
  const struct request *wanted = &operation->wanted;
  return result_of(ioctl(wanted->other_fd, FICLONE, wanted->fd));
}

static struct request read_fallocate(struct arguments *arguments) {
  return (struct request){.fd = argument_int(arguments, 0),
                          .mode = argument_int(arguments, 1),
                          .offset = argument_offset(arguments, 2),
                          .length = argument_offset(arguments, 3)};
}

static struct request read_fadvise(struct arguments *arguments) {
  return (struct request){.fd = argument_int(arguments, 0),
                          .offset = argument_offset(arguments, 1),
                          .length = argument_offset(arguments, 2),
                          .mode = argument_int(arguments, 3)};
}

static struct request read_start_writeback(struct arguments *arguments) {
  return (struct request){.fd = argument_int(arguments, 0),
                          .offset = argument_offset(arguments, 1),
                          .length = argument_offset(arguments, 2)};
}

static struct request read_copy_file_range(struct arguments *arguments) {
  return (struct request){.fd = argument_int(arguments, 0),
                          .offset = argument_offset(arguments, 1),
                          .other_fd = argument_int(arguments, 2),
                          .other_offset = argument_offset(arguments, 3),
                          .length = argument_offset(arguments, 4)};
}

static struct request read_clone_file(struct arguments *arguments) {
  return (struct request){.fd = argument_int(arguments, 0), .other_fd = argument_int(arguments, 1)};
}

typedef struct request reader(struct arguments *arguments);
typedef int64_t runner(struct operation *operation);

static napi_value block(napi_env env, napi_callback_info info, reader *read, runner *run) {
  struct arguments arguments = arguments_of(env, info);
  struct operation operation = {.wanted = read(&arguments)};
  return arguments.are_refused ? NULL : number(env, (double)run(&operation));
}

static napi_value wait(napi_env env, napi_callback_info info, reader *read, runner *run, size_t callback_index) {
  struct arguments arguments = arguments_of(env, info);
  struct request wanted = read(&arguments);
  napi_value callback = argument_function(&arguments, callback_index);
  if (arguments.are_refused) return NULL;
  struct operation *operation = operation_create(&arguments, wanted, callback, NULL);
  return operation == NULL ? NULL : operation_queue(operation, run);
}

// fallocateSync(fd, mode, offset, length) and fallocate(..., callback)
static napi_value js_fallocate_sync(napi_env env, napi_callback_info info) {
  return block(env, info, read_fallocate, run_fallocate);
}
static napi_value js_fallocate(napi_env env, napi_callback_info info) {
  return wait(env, info, read_fallocate, run_fallocate, 4);
}

// fadviseSync(fd, offset, length, advice) and fadvise(..., callback)
static napi_value js_fadvise_sync(napi_env env, napi_callback_info info) {
  return block(env, info, read_fadvise, run_fadvise);
}
static napi_value js_fadvise(napi_env env, napi_callback_info info) {
  return wait(env, info, read_fadvise, run_fadvise, 4);
}

// startWriteback(fd, offset, length, callback)
static napi_value js_start_writeback(napi_env env, napi_callback_info info) {
  return wait(env, info, read_start_writeback, run_start_writeback, 3);
}

// copyFileRangeSync(from, fromOffset, to, toOffset, length) and copyFileRange(..., callback)
static napi_value js_copy_file_range_sync(napi_env env, napi_callback_info info) {
  return block(env, info, read_copy_file_range, run_copy_file_range);
}
static napi_value js_copy_file_range(napi_env env, napi_callback_info info) {
  return wait(env, info, read_copy_file_range, run_copy_file_range, 5);
}

// cloneFileSync(from, to) and cloneFile(..., callback)
static napi_value js_clone_file_sync(napi_env env, napi_callback_info info) {
  return block(env, info, read_clone_file, run_clone_file);
}
static napi_value js_clone_file(napi_env env, napi_callback_info info) {
  return wait(env, info, read_clone_file, run_clone_file, 2);
}

// statxSync(fd): an object of facts, or a negative errno
static napi_value js_statx_sync(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  int fd = argument_int(&arguments, 0);
  if (arguments.are_refused) return NULL;
  struct statx_facts facts;
  int failure = statx_facts_of(fd, &facts);
  if (failure < 0) return number(env, failure);

  napi_value birth_time;
  napi_create_bigint_int64(env, facts.birth_seconds * 1000000000 + facts.birth_nanoseconds, &birth_time);
  const struct {
    const char *name;
    napi_value value;
  } properties[] = {
      {"blockBytes", number(env, facts.block_bytes)},
      {"directMemoryAlignment", number(env, facts.direct_memory_alignment)},
      {"directOffsetAlignment", number(env, facts.direct_offset_alignment)},
      {"birthTime", birth_time},
  };
  napi_value object;
  napi_create_object(env, &object);
  for (size_t at = 0; at < sizeof properties / sizeof *properties; at++) {
    napi_set_named_property(env, object, properties[at].name, properties[at].value);
  }
  return object;
}

// Locks of the open file description, over the whole file: they go with its last descriptor, not with the process.
static napi_value set_lock(napi_env env, napi_callback_info info, short type) {
  struct arguments arguments = arguments_of(env, info);
  int fd = argument_int(&arguments, 0);
  if (arguments.are_refused) return NULL;
  struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
  return number(env, (double)result_of(fcntl(fd, F_OFD_SETLK, &lock)));
}

// lockSync(fd): 0, or -EAGAIN if somebody else has a lock
static napi_value js_lock_sync(napi_env env, napi_callback_info info) { return set_lock(env, info, F_WRLCK); }

// unlockSync(fd)
static napi_value js_unlock_sync(napi_env env, napi_callback_info info) { return set_lock(env, info, F_UNLCK); }

// lockHolderSync(fd): 0 if nobody else holds a lock; a process's id; or 2^31 for an open file description, which has
// none
static napi_value js_lock_holder_sync(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  int fd = argument_int(&arguments, 0);
  if (arguments.are_refused) return NULL;
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (fcntl(fd, F_OFD_GETLK, &lock) < 0) return number(env, -errno);
  if (lock.l_type == F_UNLCK) return number(env, 0);
  return number(env, lock.l_pid == -1 ? 2147483648.0 : lock.l_pid);
}

// openat2Sync(directory, path, flags, permissions, resolve): a descriptor, which is closed on exec
static napi_value js_openat2_sync(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  char room[4097];
  int directory = argument_int(&arguments, 0);
  const char *path = argument_text(&arguments, 1, room, sizeof room);
  struct open_how how = {
      .flags = (uint64_t)argument_offset(&arguments, 2) | O_CLOEXEC,
      .mode = (uint64_t)argument_offset(&arguments, 3),
      .resolve = (uint64_t)argument_offset(&arguments, 4),
  };
  if (arguments.are_refused) return NULL;
  return number(env, (double)result_of(syscall(SYS_openat2, directory, path, &how, sizeof how)));
}

// closeSync(fd): what openat2Sync opened
static napi_value js_close_sync(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  int fd = argument_int(&arguments, 0);
  return arguments.are_refused ? NULL : number(env, (double)result_of(close(fd)));
}

const struct function file_functions[] = {
    {"fallocateSync", js_fallocate_sync},
    {"fallocate", js_fallocate},
    {"fadviseSync", js_fadvise_sync},
    {"fadvise", js_fadvise},
    {"startWriteback", js_start_writeback},
    {"copyFileRangeSync", js_copy_file_range_sync},
    {"copyFileRange", js_copy_file_range},
    {"cloneFileSync", js_clone_file_sync},
    {"cloneFile", js_clone_file},
    {"statxSync", js_statx_sync},
    {"lockSync", js_lock_sync},
    {"unlockSync", js_unlock_sync},
    {"lockHolderSync", js_lock_holder_sync},
    {"openat2Sync", js_openat2_sync},
    {"closeSync", js_close_sync},
    {NULL, NULL},
};
