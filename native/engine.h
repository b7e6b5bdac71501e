// Writes and syncs through an io_uring of the environment's own. engine.c has the operations, engine-slots.c what is
// registered, engine-calls.c what JavaScript sees.
#ifndef FSYS_ENGINE_H
#define FSYS_ENGINE_H

#include <sys/types.h>

#include "operation.h"
#include "ring.h"

// An operation has at most two results to come, and results have twice the room of entries: so with no more operations
// than entries neither queue overflows. More of them wait.
enum { ENTRIES = 128 };
enum { FILE_SLOTS = 64, BUFFER_SLOTS = 64, NO_SLOT = -1 };

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

// All that can fail returns a negative errno.

// Makes addon->engine.
int engine_open(struct addon *addon);
// Waits until the system works on nothing of it any more, then closes it in steps; addon->engine is NULL when that is
// over.
void engine_close(struct addon *addon);
// The engine that may be used here and now; or NULL, with why not.
struct engine *engine_usable(struct addon *addon, int *failure);

// Starts an operation, or lets it wait for its turn. It has its slots, and they count its use.
void engine_start(struct engine *engine, struct operation *operation);
// Blocks until an operation of the ring has ended, and leaves its delivery to the caller.
int engine_await(struct operation *operation);

// Tables of files and buffers that are empty at first. Without them all works, a little slower.
void engine_reserve_slots(struct engine *engine);
void engine_release_buffers(struct engine *engine);
// Both return a slot.
int engine_register_file(struct engine *engine, int fd);
int engine_register_buffer(struct engine *engine, napi_value memory, struct bytes bytes);
int engine_unregister_file(struct engine *engine, int slot);
int engine_unregister_buffer(struct engine *engine, int slot);
// Gives an operation on a registered file (or NO_SLOT) its slots, until it lets go of them.
void engine_take_slots(struct engine *engine, struct operation *operation, int file_slot);
void engine_drop_slots(struct engine *engine, struct operation *operation);

#endif
