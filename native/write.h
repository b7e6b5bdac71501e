// Writing and syncing by blocking calls, until all is done or something fails.
#ifndef FSYS_WRITE_H
#define FSYS_WRITE_H

#include <stddef.h>
#include <stdint.h>

// How a range is written. The first three exclude each other.
enum {
  WRITE_ONLY = 0,
  WRITE_AND_SYNC = 1,    // then fdatasync; of an empty range: that alone
  WRITE_WITH_DSYNC = 2,  // RWF_DSYNC: each write is durable when it returns, what was written before it is not
  WRITE_AT_ONCE = 4,     // with WRITE_AND_SYNC: the caller's thread writes, and only the sync is waited for
};

// The most that Linux moves in one call.
enum { CALL_BYTES_MAX = 0x7ffff000 };

// Both return 0 or a negative errno, and `*written` is how many bytes are. -EIO without the system having said so: a write
// came back with nothing written.
int write_range(int fd, const uint8_t *bytes, size_t length, int64_t position, int how, size_t *written);
int sync_data(int fd);

// One after the other, as `how` says.
int write_and_sync(int fd, const uint8_t *bytes, size_t length, int64_t position, int how, size_t *written);

#endif
