// Extended attributes, access control lists among them.
#ifndef FSYS_ATTRIBUTES_H
#define FSYS_ATTRIBUTES_H

#include <stdbool.h>

// Who may do what with a file, beyond its bits; and what files that are made in a directory get of that.
#define ACCESS_LIST "system.posix_acl_access"
#define DEFAULT_LIST "system.posix_acl_default"

enum attribute_kind { ATTRIBUTES_ACCESS_LIST = 0, ATTRIBUTES_OTHERS = 1, ATTRIBUTES_NO_ACCESS_LIST = 2 };
enum { ATTRIBUTES_KINDS = 3 };

// What an attempt came to, but for a negative errno.
enum { ATTRIBUTES_GIVEN = 0, ATTRIBUTES_LEFT_OUT = 1 };

// Whether there is an attribute of that name, an empty one too; or a negative errno. Links are not followed.
int has_attribute(const char *path, const char *name);

// Gives an open file what is at the path, links not followed: its access control list; or the others of its attributes
// that may be given to another file. Or takes the list of the open file away. What this process or the file system does
// not permit is left out, and so is a list that is not there.
int copy_attributes(const char *path, int to, enum attribute_kind kind);

#endif
