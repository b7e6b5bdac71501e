// checksum.h for JavaScript. Where the processor has no instruction, `checksumEngine` is undefined and the rest is not
// there.
#include "arguments.h"
#include "checksum.h"

// checksum(bytes, start, end, before): continues a finished checksum; 0 to begin with
static napi_value js_checksum(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  struct range range = argument_range(&arguments, 0);
  int64_t before = argument_offset(&arguments, 3);
  if (arguments.are_refused) return NULL;
  uint32_t state = checksum_update(~(uint32_t)before, range.bytes + range.start, range.end - range.start);
  return number(env, (uint32_t)~state);
}

// seal(bytes, start, end): where it stopped; `end` if all is well
static napi_value js_seal(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  struct range range = argument_range(&arguments, 0);
  if (arguments.are_refused) return NULL;
  return number(env, (double)checksum_seal(range.bytes, range.start, range.end));
}

// scan(bytes, start, end, offsets): how many frames it found
static napi_value js_scan(napi_env env, napi_callback_info info) {
  struct arguments arguments = arguments_of(env, info);
  struct range range = argument_range(&arguments, 0);
  struct offsets offsets = argument_offsets(&arguments, 3);
  if (arguments.are_refused) return NULL;
  if (offsets.length == 0 || range.end > INT32_MAX) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "no room for an offset, or bytes that none reaches");
    return NULL;
  }
  size_t room = offsets.length - 1;
  return number(env, (double)checksum_scan(range.bytes, range.start, range.end, offsets.start, room));
}

const struct function checksum_functions[] = {
    {"checksum", js_checksum},
    {"seal", js_seal},
    {"scan", js_scan},
    {NULL, NULL},
};
