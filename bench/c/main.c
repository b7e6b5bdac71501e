// The limit: what this machine gives to C. One run, as bench/task.ts describes it; and `evict path=...`, which drops a
// file from the page cache.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "task.h"

int task_has(const Task *task, const char *word) {
  size_t length = strlen(word);
  for (const char *at = task->variant; at != NULL; at = strchr(at, ',')) {
    if (*at == ',') at++;
    if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == '\0')) return 1;
  }
  return 0;
}

double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double seconds_of(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec / 1e6; }

double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

void must(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

int open_for_writing(const char *path, int flags) {
  int fd = open(path, O_RDWR | O_CREAT | flags, 0600);
  must(fd >= 0, path);
  return fd;
}

void *aligned_memory(size_t bytes) {
  void *memory;
  must(posix_memalign(&memory, 4096, bytes) == 0, "memory");
  memset(memory, 'x', bytes);
  return memory;
}

void write_whole(int fd, const void *bytes, size_t count, off_t position) {
  must(pwrite(fd, bytes, count, position) == (ssize_t)count, "pwrite");
}

void evict(const char *path) {
  int fd = open(path, O_RDONLY);
  must(fd >= 0, path);
  fdatasync(fd);
  must(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0, "posix_fadvise");
  close(fd);
}

static long peak_memory_bytes(void) {
  long kib = 0;
  char line[256];
  FILE *status = fopen("/proc/self/status", "r");
  while (status != NULL && fgets(line, sizeof line, status) != NULL) {
    if (sscanf(line, "VmHWM: %ld", &kib) == 1) break;
  }
  if (status != NULL) fclose(status);
  return kib * 1024;
}

static const char *value_of(const char *word, const char *name) {
  size_t length = strlen(name);
  return strncmp(word, name, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static Task parse(int count, char **words) {
  Task task = {.work = count > 1 ? words[1] : "", .path = "", .variant = "", .committers = 1};
  for (int index = 2; index < count; index++) {
    const char *value;
    if ((value = value_of(words[index], "path"))) task.path = value;
    if ((value = value_of(words[index], "variant"))) task.variant = value;
    if ((value = value_of(words[index], "record-bytes"))) task.record_bytes = atol(value);
    if ((value = value_of(words[index], "count"))) task.count = atol(value);
    if ((value = value_of(words[index], "sync-every"))) task.sync_every = atol(value);
    if ((value = value_of(words[index], "seconds"))) task.seconds = atof(value);
    if ((value = value_of(words[index], "committers"))) task.committers = atol(value);
  }
  return task;
}

int main(int count, char **words) {
  Task task = parse(count, words);
  Measurement found;
  if (strcmp(task.work, "evict") == 0) {
    evict(task.path);
    return 0;
  }
  if (strcmp(task.work, "append") == 0) {
    found = measure_append(&task);
  } else if (strcmp(task.work, "commit") == 0) {
    found = measure_commit(&task);
  } else if (strcmp(task.work, "replay") == 0 || strcmp(task.work, "open") == 0) {
    found = measure_replay(&task);
  } else {
    fprintf(stderr, "no such work: %s\n", task.work);
    return 2;
  }
  printf("{\"operations\":%ld,\"seconds\":%.9f,\"syncSeconds\":%.9f,\"cpuSeconds\":%.6f,\"memoryBytes\":%ld,"
         "\"confirmed\":%ld,\"p50Us\":%.3f,\"p99Us\":%.3f}\n",
         found.operations, found.seconds, found.sync_seconds, found.cpu_seconds, peak_memory_bytes(), found.confirmed,
         found.p50_us, found.p99_us);
  return 0;
}
