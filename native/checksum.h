// CRC-32C (Castagnoli) by the processor's instruction, in bulk over frames as FORMAT.md lays them out. No Node-API in
// here.
#ifndef FSYS_CHECKSUM_H
#define FSYS_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

// By what it is made on this machine. NULL if the processor has no instruction for it: then nothing below may be
// called.
const char *checksum_engine(void);

// Moves a state over so many bytes. A state is the bare remainder: all ones to begin with, and inverted at the end.
uint32_t checksum_update(uint32_t state, const uint8_t *bytes, size_t length);

// Writes the checksum of each frame from `start` to `end`, and returns where it met something else than a whole frame:
// `end` if all is well. The magic is taken to be right without looking at it. No byte outside is touched.
size_t checksum_seal(uint8_t *bytes, size_t start, size_t end);

// Walks valid frames from `start`; stops at the first that is not whole before `end` or not valid, or after `room` of
// them. Returns their number n: frame i stands from offsets[i] to offsets[i + 1], so `offsets` has room + 1 elements.
// No byte at or past `end` is looked at.
size_t checksum_scan(const uint8_t *bytes, size_t start, size_t end, int32_t *offsets, size_t room);

#endif
