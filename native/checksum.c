#include "checksum.h"

#include <stdbool.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "written for little-endian processors"
#endif

// What is the processor's own: one step over eight, four or one byte, and the product of two polynomials.

#if defined(__x86_64__)

#include <immintrin.h>

#define WITH_INSTRUCTIONS __attribute__((target("sse4.2,pclmul")))
#define PRIMITIVE WITH_INSTRUCTIONS static inline __attribute__((always_inline))

PRIMITIVE uint32_t step8(uint32_t state, uint64_t word) { return (uint32_t)_mm_crc32_u64(state, word); }
PRIMITIVE uint32_t step4(uint32_t state, uint32_t word) { return _mm_crc32_u32(state, word); }
PRIMITIVE uint32_t step1(uint32_t state, uint8_t byte) { return _mm_crc32_u8(state, byte); }
PRIMITIVE uint64_t product(uint32_t a, uint32_t b) {
  __m128i both = _mm_clmulepi64_si128(_mm_cvtsi64_si128(a), _mm_cvtsi64_si128(b), 0);
  return (uint64_t)_mm_cvtsi128_si64(both);
}

static bool has_instructions(void) { return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"); }
static bool has_product(void) { return true; }

#elif defined(__aarch64__)

#include <arm_acle.h>
#include <arm_neon.h>
#include <sys/auxv.h>

#define WITH_INSTRUCTIONS __attribute__((target("+crc+crypto")))
#define PRIMITIVE WITH_INSTRUCTIONS static inline __attribute__((always_inline))

PRIMITIVE uint32_t step8(uint32_t state, uint64_t word) { return __crc32cd(state, word); }
PRIMITIVE uint32_t step4(uint32_t state, uint32_t word) { return __crc32cw(state, word); }
PRIMITIVE uint32_t step1(uint32_t state, uint8_t byte) { return __crc32cb(state, byte); }
PRIMITIVE uint64_t product(uint32_t a, uint32_t b) {
  return vgetq_lane_u64(vreinterpretq_u64_p128(vmull_p64((poly64_t)a, (poly64_t)b)), 0);
}

// The kernel's names for them (asm/hwcap.h), which not every C library's headers have.
static const unsigned long HAS_PMULL = 1ul << 4;
static const unsigned long HAS_CRC32 = 1ul << 7;

static bool has_instructions(void) { return (getauxval(AT_HWCAP) & HAS_CRC32) != 0; }
static bool has_product(void) { return (getauxval(AT_HWCAP) & HAS_PMULL) != 0; }

#else
#error "no CRC-32C instruction is known for this processor"
#endif

PRIMITIVE uint64_t load8(const uint8_t *bytes) {
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}

PRIMITIVE uint32_t load4(const uint8_t *bytes) {
  uint32_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}

// The instruction takes a step a cycle but answers after three, so a long message goes through it in three lanes at a
// time, each a third of a stretch. What the lanes come to is put together by polynomial products: a state that has n
// more bytes behind it is worth x^(8n) times as much. The reflected product of two states is too high by x^1, and the
// step that reduces it adds x^32; hence the 33.
enum { LANE_WORDS_MAX = 512 };
// Below this, one lane is as fast.
enum { LANES_BYTES_MIN = 144 };
// shifts[w] is x^(64w - 33) modulo the polynomial, reflected: it moves a state over w words of eight bytes.
static uint32_t shifts[2 * LANE_WORDS_MAX + 1];
static bool has_lanes;

// Runs once, when the library is loaded, before anybody can call it.
__attribute__((constructor)) WITH_INSTRUCTIONS static void initialize(void) {
  if (!has_instructions()) return;
  // x^31 for one word. In a reflected number the lowest bit is the highest power.
  shifts[1] = 1;
  for (size_t words = 2; words <= 2 * LANE_WORDS_MAX; words++) shifts[words] = step8(shifts[words - 1], 0);
  has_lanes = has_product();
}

PRIMITIVE uint32_t update_one_lane(uint32_t before, const uint8_t *bytes, size_t length) {
  uint32_t state = before;
  for (; length >= 8; bytes += 8, length -= 8) state = step8(state, load8(bytes));
  if (length & 4) {
    state = step4(state, load4(bytes));
    bytes += 4;
  }
  for (length &= 3; length > 0; bytes++, length--) state = step1(state, *bytes);
  return state;
}

WITH_INSTRUCTIONS static uint32_t update_three_lanes(uint32_t before, const uint8_t *bytes, size_t length) {
  uint32_t first = before;
  while (length >= LANES_BYTES_MIN) {
    size_t words = length / 24 < LANE_WORDS_MAX ? length / 24 : LANE_WORDS_MAX;
    const uint8_t *second_bytes = bytes + 8 * words;
    const uint8_t *third_bytes = second_bytes + 8 * words;
    uint32_t second = 0;
    uint32_t third = 0;
    for (size_t at = 0; at < 8 * words; at += 8) {
      first = step8(first, load8(bytes + at));
      second = step8(second, load8(second_bytes + at));
      third = step8(third, load8(third_bytes + at));
    }
    first = third ^ step8(0, product(first, shifts[2 * words]) ^ product(second, shifts[words]));
    bytes += 24 * words;
    length -= 24 * words;
  }
  return update_one_lane(first, bytes, length);
}

PRIMITIVE uint32_t update(uint32_t state, const uint8_t *bytes, size_t length) {
  if (length < LANES_BYTES_MIN || !has_lanes) return update_one_lane(state, bytes, length);
  return update_three_lanes(state, bytes, length);
}

const char *checksum_engine(void) {
  if (!has_instructions()) return NULL;
#if defined(__x86_64__)
  return "sse4.2 pclmul";
#else
  return has_lanes ? "crc32 pmull" : "crc32";
#endif
}

WITH_INSTRUCTIONS uint32_t checksum_update(uint32_t state, const uint8_t *bytes, size_t length) {
  return update(state, bytes, length);
}

// | magic 4 | length 4, little-endian | payload | checksum 4, little-endian: over all before it |
static const uint32_t MAGIC = 0x01595346; // the bytes 46 53 59 01
static const size_t HEADER_BYTES = 8;
static const size_t FRAME_BYTES_MIN = 12;
static const size_t PAYLOAD_BYTES_MAX = 0x0fffffff;

// Whether a frame with this length field ends within so many bytes, of which there are enough for an empty frame.
PRIMITIVE bool is_whole(size_t length, size_t rest) {
  return length <= PAYLOAD_BYTES_MAX && length <= rest - FRAME_BYTES_MIN;
}

// The checksum of a whole frame whose magic is taken to be right.
PRIMITIVE uint32_t checksum_of(const uint8_t *frame, uint32_t length) {
  uint32_t behind_header = step8(UINT32_MAX, (uint64_t)length << 32 | MAGIC);
  return ~update(behind_header, frame + HEADER_BYTES, length);
}

WITH_INSTRUCTIONS size_t checksum_seal(uint8_t *bytes, size_t start, size_t end) {
  size_t at = start;
  while (end - at >= FRAME_BYTES_MIN) {
    uint8_t *frame = bytes + at;
    uint32_t length = load4(frame + 4);
    if (!is_whole(length, end - at)) break;
    uint32_t checksum = checksum_of(frame, length);
    memcpy(frame + HEADER_BYTES + length, &checksum, sizeof checksum);
    at += FRAME_BYTES_MIN + length;
  }
  return at;
}

WITH_INSTRUCTIONS size_t checksum_scan(const uint8_t *bytes, size_t start, size_t end, int32_t *offsets, size_t room) {
  size_t at = start;
  size_t count = 0;
  while (count < room && end - at >= FRAME_BYTES_MIN) {
    const uint8_t *frame = bytes + at;
    uint32_t length = load4(frame + 4);
    if (load4(frame) != MAGIC || !is_whole(length, end - at)) break;
    if (load4(frame + HEADER_BYTES + length) != checksum_of(frame, length)) break;
    offsets[count++] = (int32_t)at;
    at += FRAME_BYTES_MIN + length;
  }
  offsets[count] = (int32_t)at;
  return count;
}
