// native/checksum.c against a slow twin that is written from FORMAT.md alone, for processors that the machine with the
// tests does not have: compiled for them, and run under an emulator. Prints what it ran on, or what was wrong.
#include "../../native/checksum.c"

#include <stdio.h>
#include <stdlib.h>

static uint32_t slow_update(uint32_t state, const uint8_t *bytes, size_t length) {
  for (size_t at = 0; at < length; at++) {
    state ^= bytes[at];
    for (int bit = 0; bit < 8; bit++) state = (state >> 1) ^ (state & 1 ? 0x82f63b78 : 0);
  }
  return state;
}

static void expect(bool is_so, const char *what, size_t first, size_t second) {
  if (is_so) return;
  printf("wrong: %s, %zu, %zu\n", what, first, second);
  exit(1);
}

static uint32_t noise(void) {
  static uint32_t state = 1;
  state ^= state << 13;
  state ^= state >> 17;
  return state ^= state << 5;
}

enum { AREA_BYTES = 1 << 16 };
static uint8_t area[AREA_BYTES], twin[AREA_BYTES];
static int32_t offsets[AREA_BYTES / 12 + 1];

static void check_updates(void) {
  expect(checksum_update(UINT32_MAX, (const uint8_t *)"123456789", 9) == (uint32_t)~0xe3069283, "known answer", 0, 0);
  for (size_t at = 0; at < AREA_BYTES; at++) area[at] = (uint8_t)noise();
  for (size_t length = 0; length < 700; length++) {
    for (size_t start = 0; start < 17; start++) {
      uint32_t before = noise();
      uint32_t expected = slow_update(before, area + start, length);
      expect(checksum_update(before, area + start, length) == expected, "update", length, start);
    }
  }
  for (size_t length = 700; length < 60000; length += 1 + noise() % 997) {
    size_t start = noise() % 16;
    uint32_t expected = slow_update(UINT32_MAX, area + start, length);
    expect(checksum_update(UINT32_MAX, area + start, length) == expected, "update", length, start);
  }
}

static void check_frames(void) {
  for (int round = 0; round < 50; round++) {
    size_t end = noise() % 16;
    size_t start = end;
    size_t count = 0;
    for (size_t at = 0; at < AREA_BYTES; at++) area[at] = (uint8_t)noise();
    for (;;) {
      uint32_t length = noise() % (count % 8 == 7 ? 9000 : 300);
      if (end + length + 12 > AREA_BYTES) break;
      memcpy(area + end, "FSY\1", 4);
      memcpy(area + end + 4, &length, 4);
      end += length + 12;
      count++;
    }
    memcpy(twin, area, AREA_BYTES);
    for (size_t at = start; at < end;) {
      uint32_t length;
      memcpy(&length, twin + at + 4, 4);
      uint32_t checksum = ~slow_update(UINT32_MAX, twin + at, length + 8);
      memcpy(twin + at + length + 8, &checksum, 4);
      at += length + 12;
    }
    expect(checksum_seal(area, start, end) == end, "seal's end", start, end);
    expect(memcmp(area, twin, AREA_BYTES) == 0, "sealed bytes", start, end);
    expect(checksum_scan(area, start, end, offsets, AREA_BYTES / 12) == count, "frames found", start, end);
    expect((size_t)offsets[0] == start && (size_t)offsets[count] == end, "offsets", start, end);
    // A single bit, anywhere: the walk ends before the frame that it is in.
    size_t broken = start + noise() % (end - start);
    area[broken] ^= (uint8_t)(1u << noise() % 8);
    size_t found = checksum_scan(area, start, end, offsets, AREA_BYTES / 12);
    expect(found < count && (size_t)offsets[found] <= broken, "frames up to a broken bit", start, broken);
    expect(checksum_scan(area, start, end, offsets, found / 2) == found / 2, "frames in half the room", start, end);
  }
}

int main(void) {
  if (checksum_engine() == NULL) {
    printf("no instruction\n");
    return 2;
  }
  check_updates();
  check_frames();
  // As on processors without polynomial products.
  has_lanes = false;
  check_updates();
  check_frames();
  has_lanes = has_product();
  printf("fine: %s\n", checksum_engine());
  return 0;
}
