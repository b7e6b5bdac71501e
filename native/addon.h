// What the parts of the addon share. One `struct addon` an environment: the main thread, or a worker.
//
// Conventions. A function that works at once returns its result, or a negative errno; one that waits takes a callback
// as its last argument, and returns the number of an operation, which `finish` takes, or a negative errno if it could
// not begin: then the callback is never called. A callback gets the result or a negative errno, and how many bytes are
// written. Only arguments that can never be right are thrown.
#ifndef FSYS_ADDON_H
#define FSYS_ADDON_H

#include <node_api.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libuv.h"

struct addon {
  napi_env env;
  uv_loop_t *loop;
  // What callbacks run under.
  napi_async_context context;
  // An array that keeps, by the slot of each operation, its callback and the memory that it works on.
  napi_ref kept;
  napi_async_cleanup_hook_handle closing_hook;
  bool is_closing;
  // Of the last blocking write.
  size_t written;

  struct operation **operations; // by slot
  uint32_t operation_count;
  struct operation *idle;

  // How many operations libuv has, and how their end is told to somebody who blocks.
  size_t jobs;
  pthread_mutex_t mutex;
  pthread_cond_t job_ended;

  // NULL until it is asked for.
  struct engine *engine;
};

struct function {
  const char *name;
  napi_callback function;
};

extern const struct function file_functions[];
extern const struct function write_functions[];
extern const struct function attribute_functions[];
extern const struct function replace_functions[];
extern const struct function engine_functions[];
extern const struct function checksum_functions[];

// Lets the environment go, once it is closing and nothing is left to wait for.
void addon_closed_in_part(struct addon *addon);

#endif
