#include "arguments.h"

#include <stdio.h>

static const double SAFE_INTEGER_MAX = 9007199254740991; // 2^53 - 1

static void refuse(struct arguments *arguments, size_t index, const char *expected) {
  if (arguments->are_refused) return;
  arguments->are_refused = true;
  char message[80];
  snprintf(message, sizeof message, "argument %zu must be %s", index + 1, expected);
  napi_throw_type_error(arguments->env, "ERR_INVALID_ARG_TYPE", message);
}

struct arguments arguments_of(napi_env env, napi_callback_info info) {
  struct arguments arguments = {.env = env};
  size_t count = ARGUMENTS_MAX;
  void *addon = NULL;
  arguments.are_refused = napi_get_cb_info(env, info, &count, arguments.values, NULL, &addon) != napi_ok;
  arguments.addon = addon;
  return arguments;
}

int argument_int(struct arguments *arguments, size_t index) {
  double value;
  bool is_number = napi_get_value_double(arguments->env, arguments->values[index], &value) == napi_ok;
  if (is_number && value >= INT32_MIN && value <= INT32_MAX && value == (int)value) return (int)value;
  refuse(arguments, index, "a whole number of 32 bits");
  return 0;
}

int64_t argument_offset(struct arguments *arguments, size_t index) {
  double value;
  bool is_number = napi_get_value_double(arguments->env, arguments->values[index], &value) == napi_ok;
  if (is_number && value >= 0 && value <= SAFE_INTEGER_MAX && value == (double)(int64_t)value) return (int64_t)value;
  refuse(arguments, index, "a whole number from 0 to 2^53 - 1");
  return 0;
}

napi_value argument_function(struct arguments *arguments, size_t index) {
  napi_valuetype type;
  bool is_known = napi_typeof(arguments->env, arguments->values[index], &type) == napi_ok;
  if (!is_known || type != napi_function) refuse(arguments, index, "a function");
  return arguments->values[index];
}

// Of a view the length is in elements. One of at most 64 bytes can lie in the heap, where it is moved; asking for its address moves it out for good.
static struct bytes argument_view(struct arguments *arguments, size_t index, napi_typedarray_type wanted,
                                  const char *expected) {
  struct bytes view = {NULL, 0};
  napi_typedarray_type type;
  void *start = NULL;
  napi_status status = napi_get_typedarray_info(arguments->env, arguments->values[index], &type, &view.length, &start,
                                                NULL, NULL);
  if (status != napi_ok || type != wanted) refuse(arguments, index, expected);
  view.start = start;
  return view;
}

struct bytes argument_bytes(struct arguments *arguments, size_t index) {
  return argument_view(arguments, index, napi_uint8_array, "a Uint8Array");
}

struct offsets argument_offsets(struct arguments *arguments, size_t index) {
  struct bytes view = argument_view(arguments, index, napi_int32_array, "an Int32Array");
  return (struct offsets){(int32_t *)(void *)view.start, view.length};
}

struct range argument_range(struct arguments *arguments, size_t index) {
  struct bytes all = argument_bytes(arguments, index);
  int64_t start = argument_offset(arguments, index + 1);
  int64_t end = argument_offset(arguments, index + 2);
  if (!arguments->are_refused && (start > end || (uint64_t)end > all.length)) {
    arguments->are_refused = true;
    napi_throw_range_error(arguments->env, "ERR_OUT_OF_RANGE", "start and end are no range of these bytes");
  }
  return (struct range){all.start, (size_t)start, (size_t)end};
}

const char *argument_text(struct arguments *arguments, size_t index, char *room, size_t room_bytes) {
  size_t length = 0;
  napi_value value = arguments->values[index];
  bool is_text = napi_get_value_string_utf8(arguments->env, value, NULL, 0, &length) == napi_ok;
  if (!is_text || length >= room_bytes) {
    refuse(arguments, index, "a string that is no longer than a path can be");
    return "";
  }
  napi_get_value_string_utf8(arguments->env, value, room, room_bytes, &length);
  return room;
}

napi_value number(napi_env env, double value) {
  napi_value result = NULL;
  napi_create_double(env, value, &result);
  return result;
}
