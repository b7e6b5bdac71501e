#include "addon.h"

#include <stdlib.h>

#include "arguments.h"
#include "checksum.h"
#include "engine.h"
#include "faults.h"
#include "operation.h"

// finish(operation): blocks until it has ended and calls its callback before it returns. True; false if it had ended
// already; or a negative errno if it cannot be waited for.
static napi_value js_finish(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  int64_t wanted = argument_offset(&arguments, 0);
  if (arguments.are_refused) return NULL;
  napi_value result;
  struct operation *operation = operation_find(arguments.addon, wanted);
  napi_get_boolean(env, operation != NULL, &result);
  if (operation == NULL) return result;

  if (operation->run != NULL) {
    operation_await_job(operation);
    operation_deliver_now(operation); // libuv has yet to give it back
    return result;
  }
  int failure = engine_await(operation);
  if (failure < 0) return number(env, failure);
  operation_deliver_now(operation);
  operation_release(operation);
  return result;
}

// addressOf(bytes): modulo 2^32, to tell how memory is aligned
static napi_value js_address_of(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  struct bytes bytes = argument_bytes(&arguments, 0);
  return arguments.are_refused ? NULL : number(env, (uint32_t)(uintptr_t)bytes.start);
}

// Grows with every change of what is exported; src/platform/native-addon.ts has the same number.
static const int INTERFACE_VERSION = 5;

static const struct function common_functions[] = {
    {"finish", js_finish},
    {"addressOf", js_address_of},
    {NULL, NULL},
};

#ifdef FSYS_FAULTS
// setFault(kind, goodOnes, value), as in faults.h
static napi_value js_set_fault(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  int kind = argument_int(&arguments, 0);
  int64_t good_ones = argument_offset(&arguments, 1);
  int64_t value = argument_offset(&arguments, 2);
  if (arguments.are_refused || kind < 0 || kind >= FAULT_KINDS) return NULL;
  napi_value is_waiting;
  napi_get_boolean(env, fault_set((enum fault)kind, (uint32_t)good_ones, (uint32_t)value), &is_waiting);
  return is_waiting;
}

static const struct function fault_functions[] = {{"setFault", js_set_fault}, {NULL, NULL}};
#endif

static bool export_functions(struct addon *addon, napi_value exports, const struct function *functions) {
  for (; functions->name != NULL; functions++) {
    napi_property_descriptor property = {.utf8name = functions->name,
                                         .method = functions->function,
                                         .attributes = napi_enumerable,
                                         .data = addon};
    if (napi_define_properties(addon->env, exports, 1, &property) != napi_ok) return false;
  }
  return true;
}

static bool export_all(struct addon *addon, napi_value exports) {
  const char *engine = checksum_engine();
  napi_value name;
  bool is_fine = export_functions(addon, exports, common_functions) &&
                 export_functions(addon, exports, file_functions) &&
                 export_functions(addon, exports, write_functions) &&
                 export_functions(addon, exports, attribute_functions) &&
                 export_functions(addon, exports, replace_functions) &&
                 export_functions(addon, exports, engine_functions) &&
                 napi_set_named_property(addon->env, exports, "interfaceVersion",
                                         number(addon->env, INTERFACE_VERSION)) == napi_ok;
#ifdef FSYS_FAULTS
  is_fine = is_fine && export_functions(addon, exports, fault_functions);
#endif
  if (engine == NULL) return is_fine;
  return is_fine && export_functions(addon, exports, checksum_functions) &&
         napi_create_string_utf8(addon->env, engine, NAPI_AUTO_LENGTH, &name) == napi_ok &&
         napi_set_named_property(addon->env, exports, "checksumEngine", name) == napi_ok;
}

void addon_closed_in_part(struct addon *addon) {
  if (!addon->is_closing || addon->jobs > 0 || addon->engine != NULL) return;
  napi_async_destroy(addon->env, addon->context);
  napi_delete_reference(addon->env, addon->kept);
  napi_remove_async_cleanup_hook(addon->closing_hook);
}

// The environment ends: its thread may have been terminated in the middle of anything. Nothing new begins, and what the
// system works on is waited for.
static void close_addon(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  struct addon *addon = data;
  addon->is_closing = true;
  engine_close(addon);
  addon_closed_in_part(addon);
}

static void free_addon(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct addon *addon = data;
  for (uint32_t slot = 0; slot < addon->operation_count; slot++) free(addon->operations[slot]);
  free(addon->operations);
  pthread_cond_destroy(&addon->job_ended);
  pthread_mutex_destroy(&addon->mutex);
  free(addon);
}

static struct addon *create_addon(napi_env env) {
  struct addon *addon = calloc(1, sizeof *addon);
  if (addon == NULL) return NULL;
  addon->env = env;
  pthread_mutex_init(&addon->mutex, NULL);
  pthread_cond_init(&addon->job_ended, NULL);
  napi_value kept;
  napi_value name;
  bool is_fine = napi_get_uv_event_loop(env, (struct uv_loop_s **)&addon->loop) == napi_ok &&
                 napi_create_array(env, &kept) == napi_ok &&
                 napi_create_reference(env, kept, 1, &addon->kept) == napi_ok &&
                 napi_create_string_utf8(env, "fsys", NAPI_AUTO_LENGTH, &name) == napi_ok &&
                 napi_async_init(env, NULL, name, &addon->context) == napi_ok &&
                 napi_set_instance_data(env, addon, free_addon, NULL) == napi_ok;
  if (!is_fine) {
    free_addon(env, addon, NULL);
    return NULL;
  }
  if (napi_add_async_cleanup_hook(env, close_addon, addon, &addon->closing_hook) != napi_ok) return NULL;
  return addon;
}

NAPI_MODULE_INIT() {
  struct addon *addon = create_addon(env);
  if (addon == NULL || !export_all(addon, exports)) {
    napi_throw_error(env, "ERR_FSYS_ADDON", "the environment does not let the addon in");
    return NULL;
  }
  return exports;
}
