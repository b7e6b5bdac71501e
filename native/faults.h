// Disk failures made to order, in the build for tests only (FSYS_FAULTS): the other one has none of this in it.
#ifndef FSYS_FAULTS_H
#define FSYS_FAULTS_H

enum fault {
  FAULT_SHORT_WRITE, // the value: how many bytes are written
  FAULT_WRITE,       // the value: an errno; nothing is written
  FAULT_SYNC,        // the value: an errno; nothing is synced
  FAULT_KINDS
};

#ifdef FSYS_FAULTS

#include <stdbool.h>
#include <stdint.h>

// Lets one call of that kind fail, in whatever thread: the one after so many good ones. A value of 0 takes it back.
// Returns whether the one that was set before has not come yet.
bool fault_set(enum fault kind, uint32_t good_ones, uint32_t value);

// Asked once before each call of that kind: the value, if this is the one that is to fail, or else 0.
uint32_t fault_now(enum fault kind);

#else

#define fault_now(kind) 0u

#endif
#endif
