// An io_uring by its system calls: no more than queues that are mapped into memory. Who may call what, and when, is the
// caller's business; one thread at a time.
#ifndef FSYS_RING_H
#define FSYS_RING_H

#include <linux/io_uring.h>
#include <stddef.h>

struct ring {
  int fd;
  // How many entries can wait for submission; twice as many results have room.
  unsigned entries;
  void *queues;
  size_t queues_bytes;
  struct io_uring_sqe *requests;
  size_t requests_bytes;
  unsigned *request_head, *request_tail, request_mask;
  unsigned *result_head, *result_tail, result_mask;
  struct io_uring_cqe *results;
};

// All that can fail returns a negative errno.
int ring_open(struct ring *ring, unsigned entries);
void ring_close(struct ring *ring);

// The next free entry, emptied; there is always one as long as no more than `entries` are taken before ring_submit.
struct io_uring_sqe *ring_take_entry(struct ring *ring);
// Hands over the entries taken, and returns how many the system took. What it did not take is taken back: none of it
// happens. An errno means that it took none.
int ring_submit(struct ring *ring);
// Waits until there is a result.
int ring_wait(struct ring *ring);
// The oldest result, or NULL; ring_drop_result makes room for another.
const struct io_uring_cqe *ring_first_result(const struct ring *ring);
void ring_drop_result(struct ring *ring);

int ring_register(const struct ring *ring, unsigned what, const void *argument, unsigned count);

#endif
