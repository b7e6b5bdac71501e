#include "operation.h"

#include <errno.h>
#include <stdlib.h>

enum { SLOT_BITS = 16, SLOTS = 1 << SLOT_BITS };

// Two elements a slot: the callback and the memory.
static bool keep(struct addon *addon, uint32_t slot, napi_value callback, napi_value memory) {
  napi_value kept;
  return napi_get_reference_value(addon->env, addon->kept, &kept) == napi_ok &&
         napi_set_element(addon->env, kept, 2 * slot, callback) == napi_ok &&
         napi_set_element(addon->env, kept, 2 * slot + 1, memory) == napi_ok;
}

static struct operation *add_slot(struct addon *addon) {
  if (addon->operation_count == SLOTS) return NULL;
  if ((addon->operation_count & (addon->operation_count - 1)) == 0) {
    size_t room = addon->operation_count == 0 ? 1 : 2 * (size_t)addon->operation_count;
    struct operation **grown = realloc(addon->operations, room * sizeof *grown);
    if (grown == NULL) return NULL;
    addon->operations = grown;
  }
  struct operation *operation = calloc(1, sizeof *operation + uv_req_size(FSYS_UV_WORK));
  if (operation == NULL) return NULL;
  operation->addon = addon;
  operation->slot = addon->operation_count;
  operation->number = operation->slot;
  addon->operations[addon->operation_count++] = operation;
  return operation;
}

struct operation *operation_create(struct arguments *arguments, struct request wanted, napi_value callback,
                                   napi_value memory) {
  struct addon *addon = arguments->addon;
  struct operation *operation = addon->idle;
  if (operation != NULL) {
    addon->idle = operation->next;
  } else {
    operation = add_slot(addon);
  }
  napi_value nothing;
  napi_get_undefined(arguments->env, &nothing);
  if (operation == NULL || !keep(addon, operation->slot, callback, memory == NULL ? nothing : memory)) {
    if (operation != NULL) {
      operation->next = addon->idle;
      addon->idle = operation;
    }
    bool is_thrown = false;
    napi_is_exception_pending(arguments->env, &is_thrown);
    if (!is_thrown) napi_throw_error(arguments->env, "ENOMEM", "there is no room for another operation");
    return NULL;
  }
  operation->next = NULL;
  operation->is_under_way = true;
  operation->is_delivered = false;
  operation->run = NULL;
  operation->wanted = wanted;
  operation->result = 0;
  operation->written = 0;
  operation->has_run = false;
  return operation;
}

void operation_release(struct operation *operation) {
  struct addon *addon = operation->addon;
  operation->is_under_way = false;
  operation->number += SLOTS;
  operation->next = addon->idle;
  addon->idle = operation;
}

struct operation *operation_find(struct addon *addon, int64_t number) {
  uint32_t slot = (uint32_t)number & (SLOTS - 1);
  if (slot >= addon->operation_count) return NULL;
  struct operation *operation = addon->operations[slot];
  bool is_it = operation->is_under_way && !operation->is_delivered && operation->number == (uint64_t)number;
  return is_it ? operation : NULL;
}

// Takes the callback, and lets go of it and of the memory.
static napi_value take_callback(struct operation *operation) {
  struct addon *addon = operation->addon;
  napi_value kept;
  napi_value callback = NULL;
  napi_value nothing;
  operation->is_delivered = true;
  if (napi_get_reference_value(addon->env, addon->kept, &kept) != napi_ok) return NULL;
  napi_get_element(addon->env, kept, 2 * operation->slot, &callback);
  napi_get_undefined(addon->env, &nothing);
  keep(addon, operation->slot, nothing, nothing);
  return callback;
}

void operation_deliver(struct operation *operation) {
  napi_env env = operation->addon->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callback = take_callback(operation);
  napi_value receiver;
  napi_value results[] = {number(env, (double)operation->result), number(env, (double)operation->written)};
  // In a thread that is being terminated none of this succeeds, and nobody is left to hear of it.
  if (callback != NULL && napi_get_global(env, &receiver) == napi_ok) {
    napi_status status = napi_make_callback(env, operation->addon->context, receiver, callback, 2, results, NULL);
    napi_value error;
    if (status == napi_pending_exception && napi_get_and_clear_last_exception(env, &error) == napi_ok) {
      napi_fatal_exception(env, error);
    }
  }
  napi_close_handle_scope(env, scope);
}

void operation_deliver_now(struct operation *operation) {
  napi_env env = operation->addon->env;
  napi_value callback = take_callback(operation);
  napi_value receiver;
  napi_value results[] = {number(env, (double)operation->result), number(env, (double)operation->written)};
  if (callback != NULL && napi_get_undefined(env, &receiver) == napi_ok) {
    napi_call_function(env, receiver, callback, 2, results, NULL);
  }
}

static void run_job(uv_work_t *work) {
  struct operation *operation = uv_req_get_data((uv_req_t *)work);
  operation->result = operation->run(operation);
  pthread_mutex_lock(&operation->addon->mutex);
  operation->has_run = true;
  pthread_cond_broadcast(&operation->addon->job_ended);
  pthread_mutex_unlock(&operation->addon->mutex);
}

static void job_ended(uv_work_t *work, int status) {
  (void)status; // cancelled only by operation_await_job, which has seen to it then
  struct operation *operation = uv_req_get_data((uv_req_t *)work);
  struct addon *addon = operation->addon;
  if (!operation->is_delivered && !addon->is_closing) operation_deliver(operation);
  operation_release(operation);
  addon->jobs--;
  addon_closed_in_part(addon);
}

napi_value operation_queue(struct operation *operation, int64_t (*run)(struct operation *operation)) {
  struct addon *addon = operation->addon;
  uv_work_t *work = (uv_work_t *)operation->work;
  operation->run = run;
  uv_req_set_data((uv_req_t *)work, operation);
  double answer = (double)operation->number;
  int failure = uv_queue_work(addon->loop, work, run_job, job_ended);
  if (failure == 0) {
    addon->jobs++;
    return number(addon->env, answer);
  }
  take_callback(operation);
  operation_release(operation);
  return number(addon->env, failure);
}

void operation_await_job(struct operation *operation) {
  // One that no thread has taken up yet is run here and now, instead of waiting for those before it.
  if (uv_cancel((uv_req_t *)operation->work) == 0) {
    operation->result = operation->run(operation);
    return;
  }
  pthread_mutex_t *mutex = &operation->addon->mutex;
  pthread_mutex_lock(mutex);
  while (!operation->has_run) pthread_cond_wait(&operation->addon->job_ended, mutex);
  pthread_mutex_unlock(mutex);
}
