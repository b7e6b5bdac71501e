// Replacing small files, many in one go: each by a draft beside it that is written, synced and then gets its name.
#ifndef FSYS_REPLACE_H
#define FSYS_REPLACE_H

#include <stdbool.h>
#include <stdint.h>

// So many descriptors does a job hold open.
enum { REPLACE_FILES_MAX = 64 };

// What is to be done with one file, and what came of it: all of them numbers that JavaScript reads and writes.
struct replacement {
  int32_t length;
  int32_t permissions; // of a file that was not there, less the umask
  int32_t result; // 0, REPLACE_NOT_PLAIN, or a negative errno
  int32_t step;   // at which it failed
};

// In `result`: nothing was done, because there is more to it than content and bits. At the name is something else than
// a regular file, or there is an access control list, or the old file is of another group than the new one would be.
enum { REPLACE_NOT_PLAIN = 1 };

enum replace_step { STEP_NONE, STEP_STAT, STEP_OPEN, STEP_CHMOD, STEP_WRITE, STEP_SYNC, STEP_CLOSE, STEP_RENAME };

// `names` holds the name of each file and that of its draft, each with a NUL at its end; `contents` what they are to
// hold, one after the other. A file that was there keeps its permission bits. `is_full`: by fsync, and not by fdatasync.
// One that fails leaves the others alone, and no draft. The directory is not synced.
void replace_files(int directory, struct replacement *files, int count, const char *names, const uint8_t *contents,
                   bool is_full);

#endif
