// What all the C loops share: the task from the command line, files, clocks, and the measurement as a line of JSON.
// bench/task.ts says what a task is.
#pragma once
#include <stdint.h>
#include <stdio.h>

typedef struct {
  const char *work, *path, *variant;
  long record_bytes, count, sync_every, committers;
  double seconds;
} Task;

typedef struct {
  long operations, confirmed;
  double seconds, sync_seconds, cpu_seconds, p50_us, p99_us;
} Measurement;

enum { MIB = 1 << 20, FRAME_OVERHEAD = 12 };

int task_has(const Task *task, const char *word);  // whether the variant holds this word
double now(void);                                  // seconds, monotonic
double cpu_seconds(void);
void must(int condition, const char *what);  // ends the program, with errno, if it does not hold
int open_for_writing(const char *path, int flags);
void *aligned_memory(size_t bytes);
void write_whole(int fd, const void *bytes, size_t count, off_t position);

Measurement measure_append(const Task *task);
Measurement measure_commit(const Task *task);
Measurement measure_replay(const Task *task);
void evict(const char *path);
