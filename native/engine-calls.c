// The ring for JavaScript.
#include <errno.h>

#include "engine.h"
#include "write-calls.h"

// What stands for a registered file is far above any descriptor (fs.nr_open allows no more than 2^30).
enum { FIRST_FILE_NUMBER = 1 << 30 };

// ringOpen(): 0, also if it is open already; or a negative errno
static napi_value js_ring_open(napi_env env, napi_callback_info info) {
  struct addon *addon = arguments_of(env, info).addon;
  return number(env, addon->engine != NULL ? 0 : engine_open(addon));
}

// ringRefusals(): [files, buffers]: 0, or the negative errno for which none can be registered
static napi_value js_ring_refusals(napi_env env, napi_callback_info info) {
  int failure;
  struct engine *engine = engine_usable(arguments_of(env, info).addon, &failure);
  napi_value refusals;
  napi_create_array(env, &refusals);
  napi_set_element(env, refusals, 0, number(env, engine == NULL ? failure : engine->files_refusal));
  napi_set_element(env, refusals, 1, number(env, engine == NULL ? failure : engine->buffers_refusal));
  return refusals;
}

// Calls with one number.
static napi_value call_with_number(napi_env env, napi_callback_info info, int (*act)(struct engine *, int)) {
  struct arguments arguments = arguments_of(env, info);
  int value = argument_int(&arguments, 0);
  if (arguments.are_refused) return NULL;
  int failure;
  struct engine *engine = engine_usable(arguments.addon, &failure);
  return number(env, engine == NULL ? failure : act(engine, value));
}

static int register_file(struct engine *engine, int fd) {
  int slot = engine_register_file(engine, fd);
  return slot < 0 ? slot : FIRST_FILE_NUMBER + slot;
}

static int unregister_file(struct engine *engine, int file) {
  return file < FIRST_FILE_NUMBER ? -EBADF : engine_unregister_file(engine, file - FIRST_FILE_NUMBER);
}

// ringRegisterFile(fd): a number that stands for it in ringWrite, or a negative errno
static napi_value js_ring_register_file(napi_env env, napi_callback_info info) {
  return call_with_number(env, info, register_file);
}

// ringUnregisterFile(file): before its descriptor is closed. -EBUSY while it is written to.
static napi_value js_ring_unregister_file(napi_env env, napi_callback_info info) {
  return call_with_number(env, info, unregister_file);
}

// ringRegisterBuffer(bytes): its slot, or a negative errno. What ringWrite writes from within these bytes goes faster.
static napi_value js_ring_register_buffer(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  struct bytes bytes = argument_bytes(&arguments, 0);
  if (arguments.are_refused) return NULL;
  int failure;
  struct engine *engine = engine_usable(arguments.addon, &failure);
  return number(env, engine == NULL ? failure : engine_register_buffer(engine, arguments.values[0], bytes));
}

// ringUnregisterBuffer(slot): -EBUSY while it is written from
static napi_value js_ring_unregister_buffer(napi_env env, napi_callback_info info) {
  return call_with_number(env, info, engine_unregister_buffer);
}

// ringWrite(file, bytes, start, end, position, how, callback): `file` is a descriptor, or stands for a registered one
static napi_value js_ring_write(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  int file = argument_int(&arguments, 0);
  if (arguments.are_refused) return NULL;
  int failure;
  struct engine *engine = engine_usable(arguments.addon, &failure);
  int slot = file < FIRST_FILE_NUMBER ? NO_SLOT : file - FIRST_FILE_NUMBER;
  int fd = file;
  if (engine != NULL && slot != NO_SLOT) fd = slot < FILE_SLOTS ? engine->files[slot].fd : -1;
  if (engine != NULL && fd < 0) failure = -EBADF;

  napi_value answer = NULL;
  struct operation *operation = begin_write(&arguments, fd, failure, &answer);
  if (operation == NULL) return answer;
  engine_take_slots(engine, operation, slot);
  answer = number(env, (double)operation->number);
  engine_start(engine, operation);
  return answer;
}

const struct function engine_functions[] = {
    {"ringOpen", js_ring_open},
    {"ringRefusals", js_ring_refusals},
    {"ringRegisterFile", js_ring_register_file},
    {"ringUnregisterFile", js_ring_unregister_file},
    {"ringRegisterBuffer", js_ring_register_buffer},
    {"ringUnregisterBuffer", js_ring_unregister_buffer},
    {"ringWrite", js_ring_write},
    {NULL, NULL},
};
