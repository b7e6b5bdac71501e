// write.h for JavaScript: blocking, and as one job on the thread pool.
#include "write-calls.h"

#include "write.h"

// writeAndSyncSync(fd, bytes, start, end, position, how): 0 or a negative errno
static napi_value js_write_and_sync_sync(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  int fd = argument_int(&arguments, 0);
  struct range range = argument_range(&arguments, 1);
  int64_t position = argument_offset(&arguments, 4);
  int how = argument_how(&arguments, 5);
  if (arguments.are_refused) return NULL;
  size_t *written = &arguments.addon->written;
  return number(env, write_and_sync(fd, range.bytes + range.start, range.end - range.start, position, how, written));
}

struct operation *begin_write(struct arguments *arguments, int fd, int failure, napi_value *answer) {
  struct range range = argument_range(arguments, 1);
  int64_t position = argument_offset(arguments, 4);
  int how = argument_how(arguments, 5);
  napi_value callback = argument_function(arguments, 6);
  if (arguments->are_refused) return NULL;

  const uint8_t *start = range.bytes + range.start;
  size_t length = range.end - range.start;
  size_t written = 0;
  if (how & WRITE_AT_ONCE) {
    if (failure == 0) failure = write_range(fd, start, length, position, how, &written);
    arguments->addon->written = written;
  }
  if (failure < 0) {
    *answer = number(arguments->env, failure);
    return NULL;
  }
  struct request wanted = {.fd = fd, .bytes = start, .length = (int64_t)length, .offset = position, .mode = how};
  struct operation *operation = operation_create(arguments, wanted, callback, arguments->values[1]);
  if (operation == NULL) return NULL;
  operation->written = written;
  return operation;
}

static int64_t run_write_and_sync(struct operation *operation) {
  const struct request *wanted = &operation->wanted;
  if (wanted->mode & WRITE_AT_ONCE) return sync_data(wanted->fd);
  size_t length = (size_t)wanted->length;
  return write_and_sync(wanted->fd, wanted->bytes, length, wanted->offset, wanted->mode, &operation->written);
}

// writeAndSync(fd, bytes, start, end, position, how, callback)
static napi_value js_write_and_sync(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  int fd = argument_int(&arguments, 0);
  napi_value answer = NULL;
  struct operation *operation = begin_write(&arguments, fd, 0, &answer);
  return operation == NULL ? answer : operation_queue(operation, run_write_and_sync);
}

// writtenBytes(): how many bytes the last call in this thread wrote that blocked for it
static napi_value js_written_bytes(napi_env env, napi_callback_info info) {
  return number(env, (double)arguments_of(env, info).addon->written);
}

const struct function write_functions[] = {
    {"writeAndSyncSync", js_write_and_sync_sync},
    {"writeAndSync", js_write_and_sync},
    {"writtenBytes", js_written_bytes},
    {NULL, NULL},
};
