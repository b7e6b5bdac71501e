// What the ways to write and wait have in common.
#ifndef FSYS_WRITE_CALLS_H
#define FSYS_WRITE_CALLS_H

#include "operation.h"

// Reads (..., bytes, start, end, position, how, callback) and makes an operation of it; what is to be written at once
// is. NULL, with the answer for JavaScript, if there is nothing to wait for: something was thrown, or has failed, or
// `failure` had stood in the way from the beginning.
struct operation *begin_write(struct arguments *arguments, int fd, int failure, napi_value *answer);

#endif
