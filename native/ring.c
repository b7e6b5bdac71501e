#include "ring.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int enter(const struct ring *ring, unsigned submitted, unsigned awaited) {
  unsigned flags = awaited > 0 ? IORING_ENTER_GETEVENTS : 0;
  long count;
  do {
    count = syscall(SYS_io_uring_enter, ring->fd, submitted, awaited, flags, NULL, 0ul);
  } while (count < 0 && errno == EINTR);
  return count < 0 ? -errno : (int)count;
}

int ring_register(const struct ring *ring, unsigned what, const void *argument, unsigned count) {
  long result = syscall(SYS_io_uring_register, ring->fd, what, argument, count);
  return result < 0 ? -errno : (int)result;
}

// Old kernels have rings, but not all that is asked of them here (Linux 5.6 has).
static int check_operations(const struct ring *ring) {
  enum { OPERATIONS = IORING_OP_WRITE + 1 };
  static const int needed[] = {IORING_OP_FSYNC, IORING_OP_WRITE_FIXED, IORING_OP_WRITE};
  _Alignas(struct io_uring_probe) char room[sizeof(struct io_uring_probe) +
                                            OPERATIONS * sizeof(struct io_uring_probe_op)] = {0};
  struct io_uring_probe *probe = (struct io_uring_probe *)room;
  if (ring_register(ring, IORING_REGISTER_PROBE, probe, OPERATIONS) < 0) return -ENOSYS;
  for (size_t at = 0; at < sizeof needed / sizeof *needed; at++) {
    bool is_known = needed[at] < probe->ops_len;
    if (!is_known || !(probe->ops[needed[at]].flags & IO_URING_OP_SUPPORTED)) return -ENOSYS;
  }
  return 0;
}

// A child that is forked must not find the queues: it would work on those of its parent.
static void *map(const struct ring *ring, size_t bytes, off_t offset) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, offset);
  if (memory != MAP_FAILED) madvise(memory, bytes, MADV_DONTFORK);
  return memory;
}

int ring_open(struct ring *ring, unsigned entries) {
  struct io_uring_params params = {0};
  memset(ring, 0, sizeof *ring);
  ring->queues = ring->requests = MAP_FAILED;
  long fd = syscall(SYS_io_uring_setup, entries, &params);
  if (fd < 0) return -errno;
  ring->fd = (int)fd;
  int failure = params.features & IORING_FEAT_SINGLE_MMAP ? check_operations(ring) : -ENOSYS;
  if (failure < 0) goto failed;

  size_t request_bytes = params.sq_off.array + params.sq_entries * sizeof(unsigned);
  size_t result_bytes = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
  ring->queues_bytes = request_bytes > result_bytes ? request_bytes : result_bytes;
  ring->requests_bytes = params.sq_entries * sizeof(struct io_uring_sqe);
  failure = -ENOMEM;
  ring->queues = map(ring, ring->queues_bytes, IORING_OFF_SQ_RING);
  if (ring->queues == MAP_FAILED) goto failed;
  ring->requests = map(ring, ring->requests_bytes, IORING_OFF_SQES);
  if (ring->requests == MAP_FAILED) goto failed;

  char *queues = ring->queues;
  ring->entries = params.sq_entries;
  ring->request_head = (unsigned *)(queues + params.sq_off.head);
  ring->request_tail = (unsigned *)(queues + params.sq_off.tail);
  ring->request_mask = *(unsigned *)(queues + params.sq_off.ring_mask);
  ring->result_head = (unsigned *)(queues + params.cq_off.head);
  ring->result_tail = (unsigned *)(queues + params.cq_off.tail);
  ring->result_mask = *(unsigned *)(queues + params.cq_off.ring_mask);
  ring->results = (struct io_uring_cqe *)(queues + params.cq_off.cqes);
  // The queue is of indices; entries are always used in their order.
  unsigned *indices = (unsigned *)(queues + params.sq_off.array);
  for (unsigned at = 0; at < ring->entries; at++) indices[at] = at;
  return 0;

failed:
  ring_close(ring);
  return failure;
}

void ring_close(struct ring *ring) {
  if (ring->requests != MAP_FAILED) munmap(ring->requests, ring->requests_bytes);
  if (ring->queues != MAP_FAILED) munmap(ring->queues, ring->queues_bytes);
  close(ring->fd);
}

// The system reads the tail in io_uring_enter only, so until then entries can be taken back.

struct io_uring_sqe *ring_take_entry(struct ring *ring) {
  unsigned tail = *ring->request_tail;
  struct io_uring_sqe *entry = &ring->requests[tail & ring->request_mask];
  memset(entry, 0, sizeof *entry);
  __atomic_store_n(ring->request_tail, tail + 1, __ATOMIC_RELEASE);
  return entry;
}

int ring_submit(struct ring *ring) {
  unsigned taken = *ring->request_tail - __atomic_load_n(ring->request_head, __ATOMIC_ACQUIRE);
  int count = enter(ring, taken, 0);
  __atomic_store_n(ring->request_tail, __atomic_load_n(ring->request_head, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
  return count;
}

int ring_wait(struct ring *ring) { return enter(ring, 0, 1); }

const struct io_uring_cqe *ring_first_result(const struct ring *ring) {
  unsigned head = *ring->result_head;
  if (head == __atomic_load_n(ring->result_tail, __ATOMIC_ACQUIRE)) return NULL;
  return &ring->results[head & ring->result_mask];
}

void ring_drop_result(struct ring *ring) {
  __atomic_store_n(ring->result_head, *ring->result_head + 1, __ATOMIC_RELEASE);
}
