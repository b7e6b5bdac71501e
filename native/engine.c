#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "faults.h"
#include "ring.h"
#include "write.h"

#ifndef RWF_DSYNC
#define RWF_DSYNC 0x2
#endif
#ifndef IORING_RSRC_REGISTER_SPARSE
#define IORING_RSRC_REGISTER_SPARSE (1u << 0)
#endif

// An operation has at most two results to come, and results have twice the room of entries: so with no more operations than
// entries neither queue overflows. More of them wait.
enum { ENTRIES = 128 };
enum { FILE_SLOTS = 64, BUFFER_SLOTS = 64, NO_SLOT = -1 };
// What stands for a registered file is far above any descriptor (fs.nr_open allows no more than 2^30).
enum { FIRST_FILE_NUMBER = 1 << 30 };

struct list {
  struct operation *first;
  struct operation *last;
};

struct file_slot {
  int fd; // -1 if free
  unsigned uses;
};

struct buffer_slot {
  const uint8_t *start; // NULL if free
  size_t length;
  napi_ref memory;
  unsigned uses;
};

struct engine {
  struct addon *addon;
  struct ring ring;
  int event_fd;
  // A process that is forked from this one must keep away from the ring.
  pid_t process;
  uv_poll_t *poll;
  // Operations that the ring has; those that wait for room; those that have ended and whose callbacks are due.
  unsigned in_ring;
  struct list waiting;
  struct list ended;
  bool is_referenced;
  // Why there are no slots, or 0.
  int files_refusal;
  int buffers_refusal;
  struct file_slot files[FILE_SLOTS];
  struct buffer_slot buffers[BUFFER_SLOTS];
};

static void append(struct list *list, struct operation *operation) {
  operation->next = NULL;
  if (list->first == NULL) {
    list->first = operation;
  } else {
    list->last->next = operation;
  }
  list->last = operation;
}

static struct operation *take_first(struct list *list) {
  struct operation *operation = list->first;
  if (operation != NULL) list->first = operation->next;
  return operation;
}

static bool take(struct list *list, const struct operation *wanted) {
  struct operation *before = NULL;
  for (struct operation *at = list->first; at != NULL; before = at, at = at->next) {
    if (at != wanted) continue;
    if (before == NULL) {
      list->first = at->next;
    } else {
      before->next = at->next;
    }
    if (list->last == at) list->last = before;
    return true;
  }
  return false;
}

// The loop is kept running by operations under way, and by nothing else.
static void update_reference(struct engine *engine) {
  bool is_needed = engine->in_ring > 0 || engine->waiting.first != NULL || engine->ended.first != NULL;
  if (is_needed == engine->is_referenced) return;
  engine->is_referenced = is_needed;
  if (is_needed) {
    uv_ref((uv_handle_t *)engine->poll);
  } else {
    uv_unref((uv_handle_t *)engine->poll);
  }
}

// --- one operation

enum { IS_SYNC = 1 }; // in a request's number, which otherwise is the operation's address

static void set_file(struct io_uring_sqe *entry, const struct operation *operation) {
  bool is_registered = operation->file_slot != NO_SLOT;
  entry->fd = is_registered ? operation->file_slot : operation->fd;
  if (is_registered) entry->flags |= IOSQE_FIXED_FILE;
}

// A fault is a request on no file: it fails, and what is linked to it is cancelled, as if the disk had failed.
static void set_fault(struct io_uring_sqe *entry) {
  entry->fd = -1;
  entry->flags &= (uint8_t)~IOSQE_FIXED_FILE;
}

static void add_write(struct engine *engine, struct operation *operation) {
  size_t rest = (size_t)operation->length - operation->written;
  const uint8_t *from = operation->bytes + operation->written;
  operation->write_length = rest < CALL_BYTES_MAX ? (unsigned)rest : CALL_BYTES_MAX;
  operation->write_fault = (int)fault_now(FAULT_WRITE);
  uint32_t short_length = fault_now(FAULT_SHORT_WRITE);
  if (short_length != 0 && short_length < operation->write_length) operation->write_length = short_length;

  struct io_uring_sqe *entry = ring_take_entry(&engine->ring);
  bool is_registered = operation->buffer_slot != NO_SLOT;
  entry->opcode = is_registered ? IORING_OP_WRITE_FIXED : IORING_OP_WRITE;
  if (is_registered) entry->buf_index = (uint16_t)operation->buffer_slot;
  set_file(entry, operation);
  entry->addr = (uint64_t)(uintptr_t)from;
  entry->len = operation->write_length;
  entry->off = (uint64_t)operation->offset + operation->written;
  if (operation->mode & WRITE_WITH_DSYNC) entry->rw_flags = RWF_DSYNC;
  if (operation->is_sync_linked) entry->flags |= IOSQE_IO_LINK;
  entry->user_data = (uint64_t)(uintptr_t)operation;
  if (operation->write_fault != 0) set_fault(entry);
}

static void add_sync(struct engine *engine, struct operation *operation) {
  operation->sync_fault = (int)fault_now(FAULT_SYNC);
  struct io_uring_sqe *entry = ring_take_entry(&engine->ring);
  entry->opcode = IORING_OP_FSYNC;
  set_file(entry, operation);
  entry->fsync_flags = IORING_FSYNC_DATASYNC;
  entry->user_data = (uint64_t)(uintptr_t)operation | IS_SYNC;
  if (operation->sync_fault != 0) set_fault(entry);
}

// Hands over what is left of it to be done. Returns how much of that the system took, or a negative errno if nothing.
static int submit(struct engine *engine, struct operation *operation) {
  size_t rest = (size_t)operation->length - operation->written;
  bool needs_sync = operation->mode & WRITE_AND_SYNC;
  operation->has_write = rest > 0;
  operation->has_sync = needs_sync && rest <= CALL_BYTES_MAX;
  operation->is_sync_linked = operation->has_write && operation->has_sync;
  if (operation->has_write) add_write(engine, operation);
  if (operation->has_sync) add_sync(engine, operation);

  if (!operation->has_write && !operation->has_sync) return 0;

  int count = ring_submit(&engine->ring);
  if (count <= 0) return count < 0 ? count : -EAGAIN;
  operation->awaited = (unsigned)count;
  // The write alone was taken: the sync has its turn when that has ended.
  if (operation->is_sync_linked && count == 1) operation->has_sync = false;
  return count;
}

static bool is_complete(const struct operation *operation) { return operation->written == (size_t)operation->length; }

// What the results say about the whole: true if it has ended, with operation->result; otherwise there is more to submit.
static bool is_over(struct operation *operation) {
  if (operation->has_write) {
    int count = operation->write_result;
    if (count == -EINTR) return false;
    operation->result = count < 0 ? count : count == 0 ? -EIO : 0;
    if (operation->result < 0) return true;
    operation->written += (size_t)count;
  }
  if (!is_complete(operation)) return false; // a sync that came with a short write did not cover the rest
  if (!(operation->mode & WRITE_AND_SYNC)) return true;
  if (!operation->has_sync) return false;
  // What was cancelled because its write came short, or seemed to, has not been tried yet.
  if (operation->sync_result == -ECANCELED && operation->is_sync_linked) return false;
  operation->result = operation->sync_result;
  return true;
}

static void end(struct engine *engine, struct operation *operation) {
  if (operation->file_slot != NO_SLOT) engine->files[operation->file_slot].uses--;
  if (operation->buffer_slot != NO_SLOT) engine->buffers[operation->buffer_slot].uses--;
  append(&engine->ended, operation);
}

// Starts it, or goes on with it. What cannot be handed over has failed.
static void proceed(struct engine *engine, struct operation *operation) {
  int count = engine->addon->is_closing ? -ECANCELED : submit(engine, operation);
  if (count > 0) {
    engine->in_ring++;
    return;
  }
  operation->result = count;
  end(engine, operation);
  // No result of the ring will wake the loop for it.
  eventfd_write(engine->event_fd, 1);
}

// --- results

// Takes all results that there are, and goes on with what they leave to be done. Calls no JavaScript.
static void take_results(struct engine *engine) {
  const struct io_uring_cqe *result;
  while ((result = ring_first_result(&engine->ring)) != NULL) {
    struct operation *operation = (struct operation *)(uintptr_t)(result->user_data & ~(uint64_t)IS_SYNC);
    if (result->user_data & IS_SYNC) {
      operation->sync_result = operation->sync_fault != 0 && result->res == -EBADF ? -operation->sync_fault : result->res;
    } else {
      operation->write_result = operation->write_fault != 0 ? -operation->write_fault : result->res;
    }
    ring_drop_result(&engine->ring);
    if (--operation->awaited > 0) continue;
    engine->in_ring--;
    if (is_over(operation)) {
      end(engine, operation);
    } else {
      proceed(engine, operation);
    }
  }
  while (engine->in_ring < engine->ring.entries && engine->waiting.first != NULL) {
    proceed(engine, take_first(&engine->waiting));
  }
}

static void deliver_all(struct engine *engine) {
  struct operation *operation;
  while ((operation = take_first(&engine->ended)) != NULL) {
    operation_deliver(operation);
    operation_release(operation);
  }
  update_reference(engine);
}

static void event_happened(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct engine *engine = uv_handle_get_data((uv_handle_t *)poll);
  if (engine->process != getpid()) return;
  uint64_t count;
  // Nothing to read: somebody who blocked has taken the results, and only callbacks are due.
  if (read(engine->event_fd, &count, sizeof count) < 0 && errno != EAGAIN) return;
  take_results(engine);
  deliver_all(engine);
}

int engine_await(struct operation *operation) {
  struct engine *engine = operation->addon->engine;
  if (engine->process != getpid()) return -ECHILD;
  for (;;) {
    take_results(engine);
    if (take(&engine->ended, operation)) {
      update_reference(engine);
      return 0;
    }
    int failure = ring_wait(&engine->ring);
    if (failure < 0) return failure;
  }
}

// --- its life

static void free_engine(struct engine *engine) {
  free(engine->poll);
  free(engine);
}

static void poll_closed(uv_handle_t *poll) {
  struct engine *engine = uv_handle_get_data(poll);
  struct addon *addon = engine->addon;
  for (int slot = 0; slot < BUFFER_SLOTS; slot++) {
    if (engine->buffers[slot].start != NULL) napi_delete_reference(addon->env, engine->buffers[slot].memory);
  }
  close(engine->event_fd);
  ring_close(&engine->ring);
  free_engine(engine);
  addon->engine = NULL;
  addon_closed_in_part(addon);
}

void engine_close(struct addon *addon) {
  struct engine *engine = addon->engine;
  if (engine == NULL) return;
  if (engine->process == getpid()) {
    take_results(engine);
    while (engine->in_ring > 0 && ring_wait(&engine->ring) >= 0) take_results(engine);
  }
  uv_close((uv_handle_t *)engine->poll, poll_closed);
}

// Tables of files and buffers that are empty at first. Without them all works, a little slower.
static void reserve_slots(struct engine *engine) {
  int none[FILE_SLOTS];
  for (int slot = 0; slot < FILE_SLOTS; slot++) none[slot] = engine->files[slot].fd = -1;
  engine->files_refusal = ring_register(&engine->ring, IORING_REGISTER_FILES, none, FILE_SLOTS);
  struct io_uring_rsrc_register table = {.nr = BUFFER_SLOTS};
  // Called otherwise in older headers: the word behind the number of slots.
  memcpy((char *)&table + sizeof table.nr, &(uint32_t){IORING_RSRC_REGISTER_SPARSE}, sizeof(uint32_t));
  engine->buffers_refusal = ring_register(&engine->ring, IORING_REGISTER_BUFFERS2, &table, sizeof table);
}

static int open_engine(struct addon *addon) {
  if (addon->is_closing) return -ECANCELED;
  struct engine *engine = calloc(1, sizeof *engine);
  if (engine == NULL) return -ENOMEM;
  engine->addon = addon;
  engine->process = getpid();
  int failure = -ENOMEM;
  engine->poll = calloc(1, uv_handle_size(FSYS_UV_POLL));
  if (engine->poll == NULL) goto no_poll;
  failure = ring_open(&engine->ring, ENTRIES);
  if (failure < 0) goto no_poll;
  engine->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  failure = engine->event_fd < 0 ? -errno : 0;
  if (failure < 0) goto no_event;
  failure = ring_register(&engine->ring, IORING_REGISTER_EVENTFD, &engine->event_fd, 1);
  if (failure < 0) goto no_handle;
  failure = uv_poll_init(addon->loop, engine->poll, engine->event_fd);
  if (failure < 0) goto no_handle;
  // From here on the handle belongs to the loop: it must be closed.
  addon->engine = engine;
  uv_handle_set_data((uv_handle_t *)engine->poll, engine);
  uv_unref((uv_handle_t *)engine->poll);
  failure = uv_poll_start(engine->poll, FSYS_UV_READABLE, event_happened);
  if (failure < 0) {
    engine_close(addon);
    return failure;
  }
  reserve_slots(engine);
  return 0;

no_handle:
  close(engine->event_fd);
no_event:
  ring_close(&engine->ring);
no_poll:
  free_engine(engine);
  return failure;
}

// --- for JavaScript

// The engine that may be used here and now; or NULL, with why not.
static struct engine *usable_engine(struct addon *addon, int *failure) {
  struct engine *engine = addon->engine;
  *failure = engine == NULL ? -ENXIO : engine->process != getpid() ? -ECHILD : 0;
  return *failure == 0 ? engine : NULL;
}

// ringOpen(): 0, also if it is open already; or a negative errno
static napi_value js_ring_open(napi_env env, napi_callback_info info) {
  struct addon *addon = arguments_of(env, info).addon;
  return number(env, addon->engine != NULL ? 0 : open_engine(addon));
}

// ringRefusals(): [files, buffers]: 0, or the negative errno for which none can be registered
static napi_value js_ring_refusals(napi_env env, napi_callback_info info) {
  int failure;
  struct engine *engine = usable_engine(arguments_of(env, info).addon, &failure);
  napi_value refusals;
  napi_create_array(env, &refusals);
  napi_set_element(env, refusals, 0, number(env, engine == NULL ? failure : engine->files_refusal));
  napi_set_element(env, refusals, 1, number(env, engine == NULL ? failure : engine->buffers_refusal));
  return refusals;
}

static int update_file(struct engine *engine, int slot, int fd) {
  struct io_uring_files_update update = {.offset = (unsigned)slot, .fds = (uint64_t)(uintptr_t)&fd};
  int count = ring_register(&engine->ring, IORING_REGISTER_FILES_UPDATE, &update, 1);
  if (count < 0) return count;
  engine->files[slot].fd = fd;
  return 0;
}

// ringRegisterFile(fd): a number that stands for it in ringWrite, or a negative errno
static napi_value js_ring_register_file(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  int fd = argument_int(&arguments, 0);
  if (arguments.are_refused) return NULL;
  int failure;
  struct engine *engine = usable_engine(arguments.addon, &failure);
  if (engine == NULL) return number(env, failure);
  if (engine->files_refusal < 0) return number(env, engine->files_refusal);
  if (fd < 0) return number(env, -EBADF); // -1 would empty the slot
  for (int slot = 0; slot < FILE_SLOTS; slot++) {
    if (engine->files[slot].fd != -1) continue;
    failure = update_file(engine, slot, fd);
    return number(env, failure < 0 ? failure : FIRST_FILE_NUMBER + slot);
  }
  return number(env, -ENFILE);
}

static struct file_slot *file_slot_of(struct engine *engine, int file) {
  int slot = file - FIRST_FILE_NUMBER;
  return slot >= 0 && slot < FILE_SLOTS && engine->files[slot].fd != -1 ? &engine->files[slot] : NULL;
}

// ringUnregisterFile(file): before its descriptor is closed. -EBUSY while it is written to.
static napi_value js_ring_unregister_file(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  int file = argument_int(&arguments, 0);
  if (arguments.are_refused) return NULL;
  int failure;
  struct engine *engine = usable_engine(arguments.addon, &failure);
  if (engine == NULL) return number(env, failure);
  struct file_slot *slot = file_slot_of(engine, file);
  if (slot == NULL) return number(env, -EBADF);
  return number(env, slot->uses > 0 ? -EBUSY : update_file(engine, file - FIRST_FILE_NUMBER, -1));
}

static int update_buffer(struct engine *engine, int slot, const uint8_t *start, size_t length) {
  struct iovec memory = {(void *)(uintptr_t)start, length};
  struct io_uring_rsrc_update2 update = {
      .offset = (unsigned)slot, .data = (uint64_t)(uintptr_t)&memory, .nr = 1};
  int count = ring_register(&engine->ring, IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof update);
  return count < 0 ? count : 0;
}

// ringRegisterBuffer(bytes): its slot, or a negative errno. What ringWrite writes from within these bytes goes faster.
static napi_value js_ring_register_buffer(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  struct bytes bytes = argument_bytes(&arguments, 0);
  if (arguments.are_refused) return NULL;
  int failure;
  struct engine *engine = usable_engine(arguments.addon, &failure);
  if (engine == NULL) return number(env, failure);
  if (engine->buffers_refusal < 0) return number(env, engine->buffers_refusal);
  if (bytes.length == 0) return number(env, -EINVAL);
  for (int slot = 0; slot < BUFFER_SLOTS; slot++) {
    struct buffer_slot *buffer = &engine->buffers[slot];
    if (buffer->start != NULL) continue;
    failure = update_buffer(engine, slot, bytes.start, bytes.length);
    if (failure < 0) return number(env, failure);
    napi_create_reference(env, arguments.values[0], 1, &buffer->memory);
    buffer->start = bytes.start;
    buffer->length = bytes.length;
    return number(env, slot);
  }
  return number(env, -ENFILE);
}

// ringUnregisterBuffer(slot): -EBUSY while it is written from
static napi_value js_ring_unregister_buffer(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  int slot = argument_int(&arguments, 0);
  if (arguments.are_refused) return NULL;
  int failure;
  struct engine *engine = usable_engine(arguments.addon, &failure);
  if (engine == NULL) return number(env, failure);
  bool is_used = slot >= 0 && slot < BUFFER_SLOTS && engine->buffers[slot].start != NULL;
  if (!is_used) return number(env, -EINVAL);
  struct buffer_slot *buffer = &engine->buffers[slot];
  if (buffer->uses > 0) return number(env, -EBUSY);
  failure = update_buffer(engine, slot, NULL, 0);
  if (failure < 0) return number(env, failure);
  napi_delete_reference(env, buffer->memory);
  buffer->start = NULL;
  return number(env, 0);
}

static int buffer_slot_of(const struct engine *engine, const uint8_t *start, size_t length) {
  for (int slot = 0; slot < BUFFER_SLOTS; slot++) {
    const struct buffer_slot *buffer = &engine->buffers[slot];
    if (buffer->start == NULL || start < buffer->start) continue;
    size_t offset = (size_t)(start - buffer->start);
    if (offset <= buffer->length && length <= buffer->length - offset) return slot;
  }
  return NO_SLOT;
}

// ringWrite(file, bytes, start, end, position, how, callback): `file` is a descriptor, or stands for a registered one
static napi_value js_ring_write(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  int file = argument_int(&arguments, 0);
  struct range range = argument_range(&arguments, 1);
  int64_t position = argument_offset(&arguments, 4);
  int how = argument_int(&arguments, 5);
  napi_value callback = argument_function(&arguments, 6);
  if (arguments.are_refused) return NULL;
  int failure;
  struct engine *engine = usable_engine(arguments.addon, &failure);
  if (engine == NULL) return number(env, failure);
  struct file_slot *registered = file_slot_of(engine, file);
  int fd = registered != NULL ? registered->fd : file;
  if (fd < 0) return number(env, -EBADF);

  const uint8_t *start = range.bytes + range.start;
  size_t length = range.end - range.start;
  size_t written = 0;
  if (how & WRITE_AT_ONCE) {
    failure = write_range(fd, start, length, position, how, &written);
    arguments.addon->written = written;
    if (failure < 0) return number(env, failure);
  }
  struct operation *operation = operation_create(&arguments, callback, arguments.values[1]);
  if (operation == NULL) return NULL;
  operation->fd = fd;
  operation->bytes = start;
  operation->length = (int64_t)length;
  operation->offset = position;
  operation->mode = how;
  operation->written = written;
  operation->file_slot = registered != NULL ? file - FIRST_FILE_NUMBER : NO_SLOT;
  operation->buffer_slot = length > 0 ? buffer_slot_of(engine, start, length) : NO_SLOT;
  if (registered != NULL) registered->uses++;
  if (operation->buffer_slot != NO_SLOT) engine->buffers[operation->buffer_slot].uses++;

  double answer = (double)operation->number;
  append(&engine->waiting, operation);
  take_results(engine);
  update_reference(engine);
  return number(env, answer);
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
