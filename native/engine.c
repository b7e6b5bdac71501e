#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "faults.h"
#include "write.h"

#ifndef RWF_DSYNC
#define RWF_DSYNC 0x2
#endif

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
  entry->fd = is_registered ? operation->file_slot : operation->wanted.fd;
  if (is_registered) entry->flags |= IOSQE_FIXED_FILE;
}

// A fault is a request on no file: it fails, and what is linked to it is cancelled, as if the disk had failed.
static void set_fault(struct io_uring_sqe *entry) {
  entry->fd = -1;
  entry->flags &= (uint8_t)~IOSQE_FIXED_FILE;
}

static void add_write(struct engine *engine, struct operation *operation) {
  size_t rest = (size_t)operation->wanted.length - operation->written;
  const uint8_t *from = operation->wanted.bytes + operation->written;
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
  entry->off = (uint64_t)operation->wanted.offset + operation->written;
  if (operation->wanted.mode & WRITE_WITH_DSYNC) entry->rw_flags = RWF_DSYNC;
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
  size_t rest = (size_t)operation->wanted.length - operation->written;
  bool needs_sync = operation->wanted.mode & WRITE_AND_SYNC;
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

static bool is_complete(const struct operation *operation) { return operation->written == (size_t)operation->wanted.length; }

// In the build for tests: whether a sync ran although its write, to which it is linked, had failed.
static bool is_link_broken(const struct operation *operation) {
#ifdef FSYS_FAULTS
  return operation->is_sync_linked && operation->write_fault != 0 && operation->sync_result != -ECANCELED;
#else
  (void)operation;
  return false;
#endif
}

// What the results say about the whole: true if it has ended, with operation->result; otherwise there is more to
// submit.
static bool is_over(struct operation *operation) {
  if (operation->has_write) {
    int count = operation->write_result;
    if (count == -EINTR) return false;
    operation->result = count < 0 ? count : count == 0 ? -EIO : 0;
    if (is_link_broken(operation)) operation->result = -EPROTO;
    if (operation->result < 0) return true;
    operation->written += (size_t)count;
  }
  if (!is_complete(operation)) return false; // a sync that came with a short write did not cover the rest
  if (!(operation->wanted.mode & WRITE_AND_SYNC)) return true;
  if (!operation->has_sync) return false;
  // What was cancelled because its write came short, or seemed to, has not been tried yet.
  if (operation->sync_result == -ECANCELED && operation->is_sync_linked) return false;
  operation->result = operation->sync_result;
  return true;
}

static void end(struct engine *engine, struct operation *operation) {
  engine_drop_slots(engine, operation);
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
      bool has_fault = operation->sync_fault != 0 && result->res != -ECANCELED;
      operation->sync_result = has_fault ? -operation->sync_fault : result->res;
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

void engine_start(struct engine *engine, struct operation *operation) {
  append(&engine->waiting, operation);
  take_results(engine);
  update_reference(engine);
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
  engine_release_buffers(engine);
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

int engine_open(struct addon *addon) {
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
  engine_reserve_slots(engine);
  return 0;

no_handle:
  close(engine->event_fd);
no_event:
  ring_close(&engine->ring);
no_poll:
  free_engine(engine);
  return failure;
}

struct engine *engine_usable(struct addon *addon, int *failure) {
  struct engine *engine = addon->engine;
  *failure = engine == NULL ? -ENXIO : engine->process != getpid() ? -ECHILD : 0;
  return *failure == 0 ? engine : NULL;
}
