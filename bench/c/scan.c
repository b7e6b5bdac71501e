// Reads a journal a mebibyte at a time and checks every frame (FORMAT.md), the checksum by the processor's instruction, as
// three streams where a frame is long. For `open`, once; for `replay`, once to warm up and once for the figure.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "task.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#define CRC_8(crc, word) _mm_crc32_u64(crc, word)
#define CRC_1(crc, byte) _mm_crc32_u8((uint32_t)(crc), byte)
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define CRC_8(crc, word) __crc32cd((uint32_t)(crc), word)
#define CRC_1(crc, byte) __crc32cb((uint32_t)(crc), byte)
#else
#error "this processor has no instruction for CRC-32C that this program knows"
#endif

enum { STREAM_BYTES = 1360 };

static uint32_t shift_tables[4][256];  // what a CRC becomes behind STREAM_BYTES zeros, by each of its bytes

static uint64_t word_at(const unsigned char *bytes) {
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}

static void make_shift_tables(void) {
  for (uint32_t table = 0; table < 4; table++) {
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint64_t crc = byte << (8 * table);
      for (int done = 0; done < STREAM_BYTES; done += 8) crc = CRC_8(crc, 0);
      shift_tables[table][byte] = (uint32_t)crc;
    }
  }
}

static uint64_t shifted(uint64_t crc) {
  return shift_tables[0][crc & 255] ^ shift_tables[1][crc >> 8 & 255] ^ shift_tables[2][crc >> 16 & 255] ^
         shift_tables[3][crc >> 24 & 255];
}

static uint32_t crc32c(const unsigned char *bytes, size_t count) {
  uint64_t crc = 0xffffffff;
  for (; count >= 3 * STREAM_BYTES; count -= 3 * STREAM_BYTES, bytes += 3 * STREAM_BYTES) {
    uint64_t second = 0, third = 0;
    for (int at = 0; at < STREAM_BYTES; at += 8) {
      crc = CRC_8(crc, word_at(bytes + at));
      second = CRC_8(second, word_at(bytes + STREAM_BYTES + at));
      third = CRC_8(third, word_at(bytes + 2 * STREAM_BYTES + at));
    }
    crc = shifted(shifted(crc) ^ second) ^ third;
  }
  for (; count >= 8; count -= 8, bytes += 8) crc = CRC_8(crc, word_at(bytes));
  while (count-- > 0) crc = CRC_1(crc, *bytes++);
  return (uint32_t)~crc;
}

static uint32_t u32_at(const unsigned char *bytes) {
  uint32_t value;
  memcpy(&value, bytes, sizeof value);
  return value;  // little-endian, as all processors above
}

/** Returns how many bytes of whole frames there are. */
static size_t check_frames(const unsigned char *bytes, size_t filled, long *records) {
  size_t at = 0;
  while (filled - at >= FRAME_OVERHEAD) {
    size_t length = u32_at(bytes + at + 4);
    if (filled - at < length + FRAME_OVERHEAD) break;
    must(memcmp(bytes + at, "FSY\1", 4) == 0, "a frame without its magic");
    must(crc32c(bytes + at, 8 + length) == u32_at(bytes + at + 8 + length), "a frame with a wrong checksum");
    at += length + FRAME_OVERHEAD;
    ++*records;
  }
  return at;
}

static long scan(const char *path) {
  int fd = open(path, O_RDONLY);
  must(fd >= 0, path);
  unsigned char *chunk = aligned_memory(2 * MIB);
  size_t filled = 0;
  long records = 0;
  for (;;) {
    ssize_t count = read(fd, chunk + filled, MIB);
    must(count >= 0, "read");
    if (count == 0) break;
    filled += (size_t)count;
    size_t checked = check_frames(chunk, filled, &records);
    filled -= checked;
    memmove(chunk, chunk + checked, filled);
  }
  must(filled == 0, "bytes behind the last frame");
  free(chunk);
  close(fd);
  return records;
}

Measurement measure_replay(const Task *task) {
  make_shift_tables();
  if (strcmp(task->work, "replay") == 0) scan(task->path);
  double cpu_before = cpu_seconds(), begun = now();
  Measurement found = {.operations = scan(task->path)};
  found.seconds = now() - begun;
  found.cpu_seconds = cpu_seconds() - cpu_before;
  must(found.operations == task->count, "another number of records");
  return found;
}
