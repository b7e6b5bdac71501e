#include "write.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "faults.h"

#ifndef RWF_DSYNC
#define RWF_DSYNC 0x2
#endif

// pwritev2 as the system has it: not every C library does. The position's upper half is for 32-bit systems.
static ssize_t write_durably(int fd, const uint8_t *bytes, size_t length, int64_t position) {
  struct iovec part = {(void *)(uintptr_t)bytes, length};
  return syscall(SYS_pwritev2, fd, &part, 1ul, (unsigned long)position, 0ul, RWF_DSYNC);
}

int write_range(int fd, const uint8_t *bytes, size_t length, int64_t position, int how, size_t *written) {
  *written = 0;
  while (*written < length) {
    size_t part = length - *written < CALL_BYTES_MAX ? length - *written : CALL_BYTES_MAX;
    uint32_t fault = fault_now(FAULT_WRITE);
    if (fault != 0) return -(int)fault;
    uint32_t short_part = fault_now(FAULT_SHORT_WRITE);
    if (short_part != 0 && short_part < part) part = short_part;

    const uint8_t *from = bytes + *written;
    int64_t to = position + (int64_t)*written;
    ssize_t count = how & WRITE_WITH_DSYNC ? write_durably(fd, from, part, to) : pwrite(fd, from, part, to);
    if (count == 0) return -EIO;
    if (count > 0) {
      *written += (size_t)count;
    } else if (errno != EINTR) {
      return -errno;
    }
  }
  return 0;
}

// A sync that fails is never tried again, not even after EINTR: by then the system may have forgotten what it had to write.
int sync_data(int fd) {
  uint32_t fault = fault_now(FAULT_SYNC);
  if (fault != 0) return -(int)fault;
  return fdatasync(fd) == 0 ? 0 : -errno;
}

int write_and_sync(int fd, const uint8_t *bytes, size_t length, int64_t position, int how, size_t *written) {
  int failure = write_range(fd, bytes, length, position, how, written);
  return failure == 0 && how & WRITE_AND_SYNC ? sync_data(fd) : failure;
}
