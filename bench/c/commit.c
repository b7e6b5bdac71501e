// One durable record after the other. Variants: `buffered`, pwrite and fdatasync; `direct`, one sector by pwritev2 with
// RWF_DSYNC past the page cache. `overwritten`: in a file that is allocated and was written before; otherwise it grows.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "task.h"

enum { OVERWRITTEN_BYTES = 16 * MIB, LATENCIES_MAX = 1 << 20 };

static void allocate_and_write(int fd) {
  void *zeros = calloc(1, MIB);
  for (off_t position = 0; position < OVERWRITTEN_BYTES; position += MIB) write_whole(fd, zeros, MIB, position);
  must(fsync(fd) == 0, "fsync");
  free(zeros);
}

typedef struct {
  int fd, is_direct, is_overwritten;
  char *frame;
  long frame_bytes;
  off_t position;
} Log;

static void commit(Log *log) {
  if (log->is_overwritten && log->position + log->frame_bytes > OVERWRITTEN_BYTES) log->position = 0;
  if (log->is_direct) {
    struct iovec part = {log->frame, (size_t)log->frame_bytes};
    must(pwritev2(log->fd, &part, 1, log->position, RWF_DSYNC) == log->frame_bytes, "pwritev2");
  } else {
    write_whole(log->fd, log->frame, (size_t)log->frame_bytes, log->position);
    must(fdatasync(log->fd) == 0, "fdatasync");
  }
  log->position += log->frame_bytes;
}

static int by_value(const void *one, const void *other) {
  double difference = *(const double *)one - *(const double *)other;
  return difference < 0 ? -1 : difference > 0;
}

static long commit_for(Log *log, double seconds, double *latencies) {
  long done = 0;
  double before = now();
  for (double end = before + seconds; before < end && done < LATENCIES_MAX; done++) {
    commit(log);
    double after = now();
    latencies[done] = (after - before) * 1e6;
    before = after;
  }
  return done;
}

Measurement measure_commit(const Task *task) {
  Log log = {.is_direct = task_has(task, "direct"), .is_overwritten = task_has(task, "overwritten")};
  int fd = open_for_writing(task->path, 0);
  if (log.is_overwritten) allocate_and_write(fd);
  close(fd);
  log.fd = open_for_writing(task->path, log.is_direct ? O_DIRECT : 0);
  log.frame_bytes = task->record_bytes + FRAME_OVERHEAD;
  // What stands in a sector is written with it: one sector for a small record, as many as it takes for a large one.
  if (log.is_direct) log.frame_bytes = (log.frame_bytes + 511) / 512 * 512;
  log.frame = aligned_memory((size_t)log.frame_bytes + 4096);

  double *latencies = malloc(LATENCIES_MAX * sizeof *latencies);
  must(latencies != NULL, "memory");
  Measurement found = {.confirmed = commit_for(&log, task->seconds / 3, latencies)};
  double cpu_before = cpu_seconds(), begun = now();
  found.operations = commit_for(&log, task->seconds, latencies);
  found.seconds = now() - begun;
  found.cpu_seconds = cpu_seconds() - cpu_before;
  found.confirmed += found.operations;
  close(log.fd);
  qsort(latencies, (size_t)found.operations, sizeof *latencies, by_value);
  found.p50_us = latencies[found.operations / 2];
  found.p99_us = latencies[found.operations * 99 / 100];
  return found;
}
