#include "faults.h"

#ifdef FSYS_FAULTS

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
  uint32_t good_ones;
  uint32_t value;
} faults[FAULT_KINDS];

bool fault_set(enum fault kind, uint32_t good_ones, uint32_t value) {
  pthread_mutex_lock(&mutex);
  bool is_waiting = faults[kind].value != 0;
  faults[kind].good_ones = good_ones;
  faults[kind].value = value;
  pthread_mutex_unlock(&mutex);
  return is_waiting;
}

uint32_t fault_now(enum fault kind) {
  uint32_t value = 0;
  pthread_mutex_lock(&mutex);
  if (faults[kind].value != 0 && faults[kind].good_ones-- == 0) {
    value = faults[kind].value;
    faults[kind].value = 0;
  }
  pthread_mutex_unlock(&mutex);
  return value;
}

#else

// An empty file is not C.
typedef int no_faults;

#endif
