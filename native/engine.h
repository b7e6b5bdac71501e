// Writes and syncs through an io_uring of the environment's own.
#ifndef FSYS_ENGINE_H
#define FSYS_ENGINE_H

#include "operation.h"

// Waits until the system works on nothing of it any more, then closes it in steps; addon->engine is NULL when that is over.
void engine_close(struct addon *addon);
// Blocks until an operation of the ring has ended, and leaves its delivery to the caller. 0 or a negative errno.
int engine_await(struct operation *operation);

#endif
