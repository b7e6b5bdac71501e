// What only statx tells.
#ifndef FSYS_STATX_H
#define FSYS_STATX_H

#include <stdint.h>

struct statx_facts {
  uint32_t block_bytes;
  // For O_DIRECT, of memory and of file offsets; 0 where the file system or the kernel (before 6.1) does not say.
  uint32_t direct_memory_alignment;
  uint32_t direct_offset_alignment;
  // 0 where there is none.
  int64_t birth_seconds;
  uint32_t birth_nanoseconds;
};

// 0 or a negative errno.
int statx_facts_of(int fd, struct statx_facts *facts);

#endif
