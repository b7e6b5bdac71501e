// Operations that somebody waits for: on libuv's thread pool, or in a ring. Their memory is kept until they have ended,
// also when the environment closes meanwhile, because the system works on it.
#ifndef FSYS_OPERATION_H
#define FSYS_OPERATION_H

#include "addon.h"
#include "arguments.h"

// What is to be done. Which of these count, the function knows that does it.
struct request {
  int fd;
  int other_fd;
  int mode;
  const uint8_t *bytes;
  int32_t *table;
  const char *names;
  int64_t length;
  int64_t offset;
  int64_t other_offset;
};

struct operation {
  struct addon *addon;
  // In whatever list it is: of the idle, of those that wait for room in the ring, of those whose callback is due.
  struct operation *next;
  // Its slot, and how often the slot was used before: no two operations have the same.
  uint64_t number;
  uint32_t slot;
  bool is_under_way;
  // The callback has been called, or never will be.
  bool is_delivered;

  int64_t (*run)(struct operation *operation); // NULL: it is the ring's
  struct request wanted;

  // What came of it: 0 or more, or a negative errno.
  int64_t result;
  size_t written;

  // Of a job on the pool, under the addon's mutex.
  bool has_run;

  // Of one in the ring: the results that are still to come, those that have, and what it has in use.
  unsigned awaited;
  int write_result;
  int sync_result;
  int write_fault;
  int sync_fault;
  unsigned write_length;
  bool has_write;
  bool has_sync;
  bool is_sync_linked;
  int file_slot;
  int buffer_slot;

  // libuv's part, whose size only libuv knows.
  _Alignas(16) char work[];
};

// A new operation with a callback and the memory that it needs (NULL: none); or NULL, with an error thrown.
struct operation *operation_create(struct arguments *arguments, struct request wanted, napi_value callback,
                                   napi_value memory);
// Forgets one that could not begin, or that has ended and been delivered.
void operation_release(struct operation *operation);

// Starts it on the thread pool, and answers with its number, or with a negative errno.
napi_value operation_queue(struct operation *operation, int64_t (*run)(struct operation *operation));
// Blocks until it has run.
void operation_await_job(struct operation *operation);

// The operation of that number, or NULL if it has been delivered.
struct operation *operation_find(struct addon *addon, int64_t number);
// Calls its callback from the event loop, after which ticks and microtasks run; what it throws is uncaught.
void operation_deliver(struct operation *operation);
// Calls its callback in the middle of JavaScript; what it throws reaches the caller.
void operation_deliver_now(struct operation *operation);

#endif
