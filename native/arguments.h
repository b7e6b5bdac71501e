// Reading what JavaScript passes, and answering it.
#ifndef FSYS_ARGUMENTS_H
#define FSYS_ARGUMENTS_H

#include "addon.h"

enum { ARGUMENTS_MAX = 8 };

struct arguments {
  struct addon *addon;
  napi_env env;
  napi_value values[ARGUMENTS_MAX];
  // Something was not what it must be, and an error is thrown already.
  bool are_refused;
};

struct bytes {
  uint8_t *start;
  size_t length;
};

// What lies between two offsets of some bytes.
struct range {
  uint8_t *bytes;
  size_t start;
  size_t end;
};

struct offsets {
  int32_t *start;
  size_t length;
};

// Missing ones are undefined, and so refused when they are read.
struct arguments arguments_of(napi_env env, napi_callback_info info);

int argument_int(struct arguments *arguments, size_t index);
// A whole number that a double holds exactly, from 0.
int64_t argument_offset(struct arguments *arguments, size_t index);
napi_value argument_function(struct arguments *arguments, size_t index);
// A Uint8Array.
struct bytes argument_bytes(struct arguments *arguments, size_t index);
// A Uint8Array at `index` and the two offsets that follow it.
struct range argument_range(struct arguments *arguments, size_t index);
// An Int32Array.
struct offsets argument_offsets(struct arguments *arguments, size_t index);
const char *argument_text(struct arguments *arguments, size_t index, char *room, size_t room_bytes);

napi_value number(napi_env env, double value);

#endif
