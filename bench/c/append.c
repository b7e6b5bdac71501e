// Bulk: a growing file, a mebibyte a write, one fdatasync at the end. Variants: `buffered`, one write after the other;
// `direct`, past the page cache, by two threads with every second mebibyte each, so that the device has two at a time.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "task.h"

typedef struct {
  int fd, first, step;
  long chunks;
} Writer;

static void *write_chunks(void *argument) {
  const Writer *writer = argument;
  void *chunk = aligned_memory(MIB);
  for (long index = writer->first; index < writer->chunks; index += writer->step) {
    write_whole(writer->fd, chunk, MIB, (off_t)index * MIB);
  }
  free(chunk);
  return NULL;
}

Measurement measure_append(const Task *task) {
  int is_direct = task_has(task, "direct");
  long chunks = (task->count * (task->record_bytes + FRAME_OVERHEAD) + MIB - 1) / MIB;
  int fd = open_for_writing(task->path, is_direct ? O_DIRECT : 0);
  double cpu_before = cpu_seconds(), begun = now();
  Writer writers[2] = {{fd, 0, is_direct ? 2 : 1, chunks}, {fd, 1, 2, chunks}};
  pthread_t second;
  if (is_direct) must(pthread_create(&second, NULL, write_chunks, &writers[1]) == 0, "pthread_create");
  write_chunks(&writers[0]);
  if (is_direct) pthread_join(second, NULL);
  double written = now();
  must(fdatasync(fd) == 0, "fdatasync");
  double synced = now();
  Measurement found = {
      .operations = task->count,
      .seconds = written - begun,
      .sync_seconds = synced - written,
      .cpu_seconds = cpu_seconds() - cpu_before,
  };
  close(fd);
  return found;
}
