#include "attributes.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/xattr.h>

// Everything that the kernel can say of one file at once.
struct room {
  char names[XATTR_LIST_MAX];
  uint8_t value[XATTR_SIZE_MAX];
};

// There is none, or there can be none here.
static bool is_absence(int error) { return error == ENODATA || error == EOPNOTSUPP || error == ENOSYS; }

// It is there, and this process or this file system does not let it be read or given: the superuser's, say, or a list
// with somebody in it who is unknown in this name space.
static bool is_refusal(int error) {
  return error == EPERM || error == EACCES || error == EINVAL || error == EOVERFLOW || error == E2BIG ||
         error == ERANGE || error == EOPNOTSUPP || error == ENOSYS;
}

// Since it was looked at: the attribute, or the file.
static bool is_gone(int error) { return error == ENODATA || error == ENOENT; }

static int outcome_of(int error) { return is_refusal(error) ? ATTRIBUTES_LEFT_OUT : -error; }

int has_attribute(const char *path, const char *name) {
  if (lgetxattr(path, name, NULL, 0) >= 0) return true;
  return is_absence(errno) ? false : -errno;
}

static int remove_access_list(int to) {
  if (fremovexattr(to, ACCESS_LIST) == 0 || is_absence(errno)) return ATTRIBUTES_GIVEN;
  return outcome_of(errno);
}

// -ENODATA if it has gone.
static int copy_attribute(const char *path, int to, const char *name, struct room *room) {
  ssize_t length = lgetxattr(path, name, room->value, sizeof room->value);
  if (length < 0) return is_gone(errno) ? -ENODATA : outcome_of(errno);
  return fsetxattr(to, name, room->value, (size_t)length, 0) == 0 ? ATTRIBUTES_GIVEN : outcome_of(errno);
}

static bool begins_with(const char *text, const char *beginning) {
  return strncmp(text, beginning, strlen(beginning)) == 0;
}

// Not those that say something of the content, or of the inode, that was: signatures and hashes (IMA, EVM), and what
// layers of an overlay file system know of each other. Nor the list, which XFS also shows by a name of its own.
static bool can_be_given(const char *name) {
  if (begins_with(name, "user.")) return true;
  if (begins_with(name, "trusted.overlay.") || begins_with(name, "trusted.SGI_ACL_")) return false;
  if (begins_with(name, "trusted.")) return true;
  return begins_with(name, "security.") && strcmp(name, "security.ima") != 0 && strcmp(name, "security.evm") != 0;
}

static int copy_others(const char *path, int to, struct room *room) {
  ssize_t length = llistxattr(path, room->names, sizeof room->names);
  if (length < 0) return is_absence(errno) || is_gone(errno) ? ATTRIBUTES_GIVEN : outcome_of(errno);
  int result = ATTRIBUTES_GIVEN;
  const char *end = room->names + length;
  for (const char *name = room->names; name < end; name += strlen(name) + 1) {
    if (!can_be_given(name)) continue;
    int outcome = copy_attribute(path, to, name, room);
    if (outcome == -ENODATA) continue;
    if (outcome < 0) return outcome;
    if (outcome == ATTRIBUTES_LEFT_OUT) result = ATTRIBUTES_LEFT_OUT;
  }
  return result;
}

int copy_attributes(const char *path, int to, enum attribute_kind kind) {
  if (kind == ATTRIBUTES_NO_ACCESS_LIST) return remove_access_list(to);
  struct room *room = malloc(sizeof *room);
  if (room == NULL) return -ENOMEM;
  int result = kind == ATTRIBUTES_ACCESS_LIST ? copy_attribute(path, to, ACCESS_LIST, room)
                                              : copy_others(path, to, room);
  free(room);
  return result == -ENODATA ? ATTRIBUTES_LEFT_OUT : result;
}
