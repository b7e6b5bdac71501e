// attributes.h for JavaScript.
#include <limits.h>
#include <string.h>

#include "attributes.h"
#include "operation.h"

// A path, with the NUL at its end that a job needs.
static const char *argument_path(struct arguments *arguments, size_t index) {
  struct bytes bytes = argument_bytes(arguments, index);
  if (arguments->are_refused) return "";
  bool is_one = bytes.length > 0 && bytes.length <= PATH_MAX &&
                memchr(bytes.start, 0, bytes.length) == bytes.start + bytes.length - 1;
  if (is_one) return (const char *)bytes.start;
  arguments->are_refused = true;
  napi_throw_range_error(arguments->env, "ERR_OUT_OF_RANGE", "a path has one NUL, at its end, and 4096 bytes at most");
  return "";
}

// hasAccessListSync(path, isDefault): 0, 1 or a negative errno
static napi_value js_has_access_list_sync(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  const char *path = argument_path(&arguments, 0);
  int is_default = argument_int(&arguments, 1);
  if (arguments.are_refused) return NULL;
  return number(env, has_attribute(path, is_default != 0 ? DEFAULT_LIST : ACCESS_LIST));
}

static struct request read_copy(struct arguments *arguments) {
  struct request wanted = {.names = argument_path(arguments, 0),
                           .fd = argument_int(arguments, 1),
                           .mode = argument_int(arguments, 2)};
  if (!arguments->are_refused && (wanted.mode < 0 || wanted.mode >= ATTRIBUTES_KINDS)) {
    arguments->are_refused = true;
    napi_throw_range_error(arguments->env, "ERR_OUT_OF_RANGE", "there are no such attributes");
  }
  return wanted;
}

static int64_t copy(const struct request *wanted) {
  return copy_attributes(wanted->names, wanted->fd, (enum attribute_kind)wanted->mode);
}

static int64_t run_copy(struct operation *operation) { return copy(&operation->wanted); }

// copyAttributesSync(path, to, kind): 0, 1 if some were left out, or a negative errno
static napi_value js_copy_attributes_sync(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  struct request wanted = read_copy(&arguments);
  return arguments.are_refused ? NULL : number(env, (double)copy(&wanted));
}

// copyAttributes(path, to, kind, callback)
static napi_value js_copy_attributes(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  struct request wanted = read_copy(&arguments);
  napi_value callback = argument_function(&arguments, 3);
  if (arguments.are_refused) return NULL;
  struct operation *operation = operation_create(&arguments, wanted, callback, arguments.values[0]);
  return operation == NULL ? NULL : operation_queue(operation, run_copy);
}

const struct function attribute_functions[] = {
    {"hasAccessListSync", js_has_access_list_sync},
    {"copyAttributesSync", js_copy_attributes_sync},
    {"copyAttributes", js_copy_attributes},
    {NULL, NULL},
};
