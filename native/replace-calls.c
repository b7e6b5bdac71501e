// replace.h for JavaScript: as one job on the thread pool.
#include "operation.h"
#include "replace.h"

static const size_t FIELDS = sizeof(struct replacement) / sizeof(int32_t);

// Whether the numbers fit each other, so that nothing is read past an end.
static bool is_whole(struct offsets table, struct bytes names, struct bytes contents) {
  size_t count = table.length / FIELDS;
  if (table.length % FIELDS != 0 || count > REPLACE_FILES_MAX) return false;
  size_t ends = 0;
  for (size_t at = 0; at < names.length; at++) ends += names.start[at] == 0;
  if (ends != 2 * count || (names.length > 0 && names.start[names.length - 1] != 0)) return false;
  size_t left = contents.length;
  const struct replacement *files = (const struct replacement *)table.start;
  for (size_t at = 0; at < count; at++) {
    if (files[at].length < 0 || (size_t)files[at].length > left) return false;
    left -= (size_t)files[at].length;
  }
  return left == 0;
}

static struct request read_replacements(struct arguments *arguments) {
  struct request wanted = {.fd = argument_int(arguments, 0)};
  struct offsets table = argument_offsets(arguments, 1);
  struct bytes names = argument_bytes(arguments, 2);
  struct bytes contents = argument_bytes(arguments, 3);
  wanted.mode = argument_int(arguments, 4);
  if (!arguments->are_refused && !is_whole(table, names, contents)) {
    arguments->are_refused = true;
    napi_throw_range_error(arguments->env, "ERR_OUT_OF_RANGE", "table, names and contents do not fit each other");
  }
  wanted.table = table.start;
  wanted.length = (int64_t)(table.length / FIELDS);
  wanted.names = (const char *)names.start;
  wanted.bytes = contents.start;
  return wanted;
}

static int64_t run_replace(struct operation *operation) {
  const struct request *wanted = &operation->wanted;
  struct replacement *files = (struct replacement *)wanted->table;
  replace_files(wanted->fd, files, (int)wanted->length, wanted->names, wanted->bytes, wanted->mode != 0);
  return 0;
}

// replaceFiles(directory, table, names, contents, isFull, callback)
static napi_value js_replace_files(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  struct request wanted = read_replacements(&arguments);
  napi_value callback = argument_function(&arguments, 5);
  if (arguments.are_refused) return NULL;
  napi_value memory;
  if (napi_create_array_with_length(env, 3, &memory) != napi_ok) return NULL;
  for (uint32_t at = 0; at < 3; at++) napi_set_element(env, memory, at, arguments.values[1 + at]);
  struct operation *operation = operation_create(&arguments, wanted, callback, memory);
  return operation == NULL ? NULL : operation_queue(operation, run_replace);
}

const struct function replace_functions[] = {
    {"replaceFiles", js_replace_files},
    {NULL, NULL},
};
