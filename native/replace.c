#include "replace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attributes.h"
#include "faults.h"
#include "write.h"

struct draft {
  const char *name;
  const char *draft;
  int fd; // -1: closed, or never opened
  bool exists;
  bool has_new_attributes;
};

static void fail(struct replacement *file, enum replace_step step, int result) {
  file->result = result;
  file->step = step;
}

// Whether what is at a name, '.' being the directory, has an access control list; true where nobody knows.
static bool may_have_list(int directory, const char *name, const char *list) {
  char path[sizeof "/proc/self/fd/-2147483648/" + NAME_MAX];
  int length = snprintf(path, sizeof path, "/proc/self/fd/%d/%s", directory, name);
  return length < 0 || (size_t)length >= sizeof path || has_attribute(path, list) != 0;
}

// Bits that let nobody do more whatever the group is: what the group and others may both do.
static mode_t without_group(mode_t mode) {
  mode_t common = mode & (mode >> 3) & 07;
  return (mode & 0700) | common << 3 | common;
}

static void open_draft(int directory, bool gives_lists, struct replacement *file, struct draft *draft) {
  struct stat old;
  bool is_there = fstatat(directory, draft->name, &old, AT_SYMLINK_NOFOLLOW) == 0;
  if (!is_there && errno != ENOENT) return fail(file, STEP_STAT, -errno);
  // Its list is kept by who does it alone, and the one that a directory gives to its files is taken away.
  if (is_there && (!S_ISREG(old.st_mode) || gives_lists || may_have_list(directory, draft->name, ACCESS_LIST)))
    return fail(file, STEP_STAT, REPLACE_NOT_PLAIN);

  mode_t mode = is_there ? old.st_mode & 0777 : (mode_t)file->permissions;
  mode_t first = is_there ? without_group(mode) : mode;
  draft->fd = openat(directory, draft->draft, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, first);
  if (draft->fd < 0) return fail(file, STEP_OPEN, -errno);
  draft->exists = true;
  if (!is_there) return;
  // Before there is any content: nobody may read it who could not read the old file.
  struct stat made;
  if (fstat(draft->fd, &made) < 0) return fail(file, STEP_CHMOD, -errno);
  // The draft is of another group, which may have no right to the file.
  if (made.st_gid != old.st_gid) return fail(file, STEP_CHMOD, REPLACE_NOT_PLAIN);
  if ((made.st_mode & 07777) == mode) return;
  draft->has_new_attributes = true;
  if (fchmod(draft->fd, mode) < 0) fail(file, STEP_CHMOD, -errno);
}

// The system begins to write at once, and gives all drafts their places on the disk, which it then makes durable together.
// Where it finds no place, it may drop what was written, and say so here: a sync that comes later need not hear of that.
static int begin_writeback(int fd) {
  if (sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) == 0) return 0;
  return errno == ENOSYS || errno == EPERM ? 0 : -errno; // the call is missing, or forbidden
}

static int sync_draft(const struct draft *draft, bool is_full) {
  if (!is_full && !draft->has_new_attributes) return sync_data(draft->fd);
  return fsync(draft->fd) == 0 ? 0 : -errno;
}

void replace_files(int directory, struct replacement *files, int count, const char *names, const uint8_t *contents,
                   bool is_full) {
  struct draft drafts[REPLACE_FILES_MAX];
  bool gives_lists = may_have_list(directory, ".", DEFAULT_LIST);
  for (int at = 0; at < count; at++) {
    struct replacement *file = &files[at];
    struct draft *draft = &drafts[at];
    *draft = (struct draft){.name = names, .fd = -1};
    draft->draft = names + strlen(names) + 1;
    names = draft->draft + strlen(draft->draft) + 1;
    file->result = 0;
    file->step = STEP_NONE;
    open_draft(directory, gives_lists, file, draft);
    size_t written;
    if (file->result == 0) {
      int result = write_range(draft->fd, contents, (size_t)file->length, 0, WRITE_ONLY, &written);
      if (result == 0) result = begin_writeback(draft->fd);
      if (result < 0) fail(file, STEP_WRITE, result);
    }
    contents += file->length;
  }
  for (int at = 0; at < count; at++) {
    struct draft *draft = &drafts[at];
    if (draft->fd < 0) continue;
    if (files[at].result == 0) {
      int result = sync_draft(draft, is_full);
      if (result < 0) fail(&files[at], STEP_SYNC, result);
    }
    if (close(draft->fd) < 0 && files[at].result == 0) fail(&files[at], STEP_CLOSE, -errno);
  }
  for (int at = 0; at < count; at++) {
    struct draft *draft = &drafts[at];
    if (!draft->exists) continue;
    if (files[at].result == 0 && renameat(directory, draft->draft, directory, draft->name) == 0) continue;
    if (files[at].result == 0) fail(&files[at], STEP_RENAME, -errno);
    (void)unlinkat(directory, draft->draft, 0);
  }
}
