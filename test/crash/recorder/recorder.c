/*
 * Records what a process does to the files below one directory, and can make its calls fail. It stands in the place of the C
 * library's functions (LD_PRELOAD), `syscall` among them, and makes the system calls itself, so it hears neither those that
 * others make themselves nor io_uring; a test compares what it hears with strace.
 *
 *   FSYS_RECORDER_ROOT   the directory: absolute, without links in its path, without a slash at its end
 *   FSYS_RECORDER_LOG    the log: what the process itself writes to this file becomes a note in the log
 *   FSYS_RECORDER_FAULT  a fault from the beginning on; later ones come by notes (see `arm`)
 *
 * The log is a row of entries: one before each call is made and one after it has returned, in the order in which that was
 * so, whatever the threads. An entry is a `struct entry`, then its text (names, a note), then the bytes that are written.
 *
 * Names are understood if they are absolute, or lead on from an open directory, also as /proc/self/fd/7/name; they are
 * entered in the log as absolute ones. Descriptors that were duplicated, directories that get another name while they are
 * open, copies made by the kernel, and memory maps are not followed. For Linux on 64 bits.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Numbered as in log.ts. */
enum kind {
    NOTE, OPEN, CREATE, READ, WRITE, DATA_SYNC, SYNC, TRUNCATE, RENAME, LINK, UNLINK, CLOSE, MAKE_DIRECTORY, REMOVE_DIRECTORY,
    CHANGE_MODE
};
enum phase { BEGIN, END };
enum flag { INJECTED = 1, MEMORY_CHANGED = 2 };

struct entry {
    uint32_t bytes; /* of the whole entry */
    uint8_t kind;
    uint8_t phase;
    uint8_t flags;
    uint8_t unused;
    uint32_t thread;
    uint32_t call;        /* which one: its two entries have the same number */
    uint32_t description; /* which open description it is about, from 1 on; 0 for calls on names */
    int32_t error;        /* errno */
    int64_t position;
    int64_t length; /* of what is moved; of what is opened or has its mode changed, the permission bits */
    int64_t result;
    uint64_t inode;     /* of what was opened */
    int64_t birth_time; /* in nanoseconds; 0 where it is not kept */
    uint32_t text_bytes;
    uint32_t modes; /* the flags of open or pwritev2 */
};
_Static_assert(sizeof(struct entry) == 72, "log.ts reads it field by field");

/* What a fault does to a call. Numbered as in faults.ts. */
enum action {
    NONE,
    KILL,       /* the process dies in front of the call */
    KILL_AMID,  /* ... when part of a write, or all of another call, is done */
    FAIL,       /* nothing is done; but a descriptor is closed all the same, as Linux does */
    FAIL_AFTER, /* part of a write, or all of another call, is done, and it is said to have failed */
    CUT_SHORT,  /* part of a read or a write is done, as the count says */
    TEAR        /* the first is cut short, and the later ones fail */
};

struct fault {
    uint32_t kinds; /* one bit each */
    int action;
    int error;
    long amount;    /* how many bytes a part has; 0 is half */
    uint32_t first; /* of the calls of these kinds, from 1 on */
    uint32_t times;
    uint32_t seen;
};

/* One call under way. */
struct call {
    struct entry entry;
    enum action action;
    int error;
    size_t amount;
};

enum { DESCRIPTORS = 4096, NOTES = UINT16_MAX, SECTOR_BYTES = 512, PAGE_BYTES = 4096 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *root, *log_path;
static size_t root_length;
static int log_fd = -1;
static uint32_t calls, descriptions;
static uint32_t description_of[DESCRIPTORS]; /* by descriptor; 0: not below the root; NOTES: the log */
static char *path_of[DESCRIPTORS];           /* of those below the root, as they were opened */
static struct fault fault;

/* The C library's own `syscall`: as the constructors of others may call us before ours runs, found when it is needed. */
static long find_system_call(long number, ...);
static long (*system_call)(long number, ...) = find_system_call;

static void take_six(long values[6], va_list more);
static _Noreturn void give_up(const char *reason);
static void append(struct entry *entry, const char *text, const void *data, size_t data_bytes);
static void arm(const char *text);
static bool meets(enum kind kind);
static _Noreturn void die(void);
static bool is_below_root(const char *name);
static const char *absolute(int directory, const char *name, char room[PATH_MAX]);
static uint32_t described(int fd);
static void begin(struct call *call, const char *text, const void *data);
static int64_t end(struct call *call, int64_t result);
static int on_name(int directory, const char *name, int modes, mode_t permissions, const struct open_how *how);
static int on_names(enum kind kind, int first_directory, const char *first, int second_directory, const char *second,
                    long number, const long arguments[5]);
static int on_descriptor(enum kind kind, int fd, long number, off_t length);
static ssize_t transfer(enum kind kind, int fd, const struct iovec *parts, int count, off_t position, int modes);
static ssize_t move(enum kind kind, int fd, const struct iovec *parts, int count, off_t position, int modes);
static size_t part_of(const struct call *call, int fd);
static ssize_t enter_note(const struct iovec *parts, int count);
static size_t total(const struct iovec *parts, int count);
static unsigned char *gather(const struct iovec *parts, int count);

__attribute__((constructor)) static void start(void)
{
    root = getenv("FSYS_RECORDER_ROOT");
    log_path = getenv("FSYS_RECORDER_LOG");
    if (!root || !log_path) give_up("FSYS_RECORDER_ROOT and FSYS_RECORDER_LOG must be set");
    root_length = strlen(root);
    log_fd = (int)system_call(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) give_up("cannot open the log");
    const char *first = getenv("FSYS_RECORDER_FAULT");
    if (first) arm(first);
}

/* The functions that are heard; each is there under the name for large files too, which Node.js uses. */

int openat(int directory, const char *name, int modes, ...)
{
    va_list more;
    va_start(more, modes);
    mode_t permissions = modes & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return on_name(directory, name, modes, permissions, NULL);
}
int openat64(int directory, const char *name, int modes, ...) __attribute__((alias("openat")));

int open(const char *name, int modes, ...)
{
    va_list more;
    va_start(more, modes);
    mode_t permissions = modes & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return on_name(AT_FDCWD, name, modes, permissions, NULL);
}
int open64(const char *name, int modes, ...) __attribute__((alias("open")));

int creat(const char *name, mode_t permissions)
{
    return on_name(AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC, permissions, NULL);
}
int creat64(const char *name, mode_t permissions) __attribute__((alias("creat")));

int close(int fd)
{
    return on_descriptor(CLOSE, fd, SYS_close, 0);
}

ssize_t read(int fd, void *bytes, size_t length)
{
    return transfer(READ, fd, &(struct iovec){bytes, length}, 1, -1, 0);
}

ssize_t pread(int fd, void *bytes, size_t length, off_t position)
{
    return transfer(READ, fd, &(struct iovec){bytes, length}, 1, position, 0);
}
ssize_t pread64(int fd, void *bytes, size_t length, off_t position) __attribute__((alias("pread")));

ssize_t readv(int fd, const struct iovec *parts, int count)
{
    return transfer(READ, fd, parts, count, -1, 0);
}

ssize_t preadv(int fd, const struct iovec *parts, int count, off_t position)
{
    return transfer(READ, fd, parts, count, position, 0);
}
ssize_t preadv64(int fd, const struct iovec *parts, int count, off_t position) __attribute__((alias("preadv")));

ssize_t write(int fd, const void *bytes, size_t length)
{
    return transfer(WRITE, fd, &(struct iovec){(void *)(uintptr_t)bytes, length}, 1, -1, 0);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t position)
{
    return transfer(WRITE, fd, &(struct iovec){(void *)(uintptr_t)bytes, length}, 1, position, 0);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t position) __attribute__((alias("pwrite")));

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return transfer(WRITE, fd, parts, count, -1, 0);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t position)
{
    return transfer(WRITE, fd, parts, count, position, 0);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t position) __attribute__((alias("pwritev")));

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t position, int modes)
{
    return transfer(WRITE, fd, parts, count, position, modes);
}
ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off_t position, int modes) __attribute__((alias("pwritev2")));

int fdatasync(int fd)
{
    return on_descriptor(DATA_SYNC, fd, SYS_fdatasync, 0);
}

int fsync(int fd)
{
    return on_descriptor(SYNC, fd, SYS_fsync, 0);
}

int ftruncate(int fd, off_t length)
{
    return on_descriptor(TRUNCATE, fd, SYS_ftruncate, length);
}
int ftruncate64(int fd, off_t length) __attribute__((alias("ftruncate")));

int fchmod(int fd, mode_t permissions)
{
    return on_descriptor(CHANGE_MODE, fd, SYS_fchmod, (off_t)permissions);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned int modes)
{
    const long arguments[] = {from_directory, (long)from, to_directory, (long)to, modes};
    return on_names(RENAME, from_directory, from, to_directory, to, SYS_renameat2, arguments);
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    return renameat2(from_directory, from, to_directory, to, 0);
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_directory, const char *from, int to_directory, const char *to, int modes)
{
    const long arguments[] = {from_directory, (long)from, to_directory, (long)to, modes};
    return on_names(LINK, from_directory, from, to_directory, to, SYS_linkat, arguments);
}

int unlink(const char *name)
{
    return unlinkat(AT_FDCWD, name, 0);
}

int unlinkat(int directory, const char *name, int modes)
{
    enum kind kind = modes & AT_REMOVEDIR ? REMOVE_DIRECTORY : UNLINK;
    return on_names(kind, directory, name, 0, NULL, SYS_unlinkat, (long[]){directory, (long)name, modes, 0, 0});
}

int mkdir(const char *name, mode_t permissions)
{
    const long arguments[] = {AT_FDCWD, (long)name, permissions, 0, 0};
    return on_names(MAKE_DIRECTORY, AT_FDCWD, name, 0, NULL, SYS_mkdirat, arguments);
}

int rmdir(const char *name)
{
    return unlinkat(AT_FDCWD, name, AT_REMOVEDIR);
}

/* Some of libuv's closes come this way, and of the native addon what it writes with RWF_DSYNC, and openat2. */
long syscall(long number, ...)
{
    va_list more;
    va_start(more, number);
    long values[6];
    take_six(values, more);
    va_end(more);
    if (number == SYS_close) return close((int)values[0]);
    /* The kernel takes the position in two halves; on 64 bits, the first one is all of it. */
    if (number == SYS_pwritev2)
        return pwritev2((int)values[0], (const struct iovec *)values[1], (int)values[2], values[3], (int)values[5]);
    if (number == SYS_openat2) {
        const struct open_how *how = (const struct open_how *)values[2];
        return on_name((int)values[0], (const char *)values[1], (int)how->flags, (mode_t)how->mode, how);
    }
    return system_call(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}

/* What they have in common. */

/* By openat2 if it says how. */
static int open_it(int directory, const char *name, int modes, mode_t permissions, const struct open_how *how)
{
    if (how) return (int)system_call(SYS_openat2, directory, name, how, sizeof *how);
    return (int)system_call(SYS_openat, directory, name, modes, permissions);
}

static int on_name(int directory, const char *name, int modes, mode_t permissions, const struct open_how *how)
{
    char room[PATH_MAX];
    const char *path = absolute(directory, name, room);
    if (!is_below_root(path)) {
        int fd = open_it(directory, name, modes, permissions, how);
        bool is_log = log_path && (modes & O_ACCMODE) == O_WRONLY && strcmp(name, log_path) == 0;
        if (fd >= 0 && fd < DESCRIPTORS) description_of[fd] = is_log ? NOTES : 0;
        return fd;
    }
    struct call call = {.entry = {.kind = modes & O_CREAT ? CREATE : OPEN, .modes = (uint32_t)modes}};
    call.entry.text_bytes = (uint32_t)strlen(path);
    begin(&call, path, NULL);
    int fd = call.action == FAIL ? -1 : open_it(directory, name, modes, permissions, how);
    if (fd >= DESCRIPTORS) give_up("too many open files");
    if (call.action == FAIL_AFTER && fd >= 0) {
        system_call(SYS_close, fd);
    } else if (fd >= 0) {
        struct statx facts = {0};
        statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME | STATX_MODE, &facts);
        call.entry.inode = facts.stx_ino;
        call.entry.birth_time = facts.stx_btime.tv_sec * INT64_C(1000000000) + facts.stx_btime.tv_nsec;
        call.entry.length = facts.stx_mode & 07777;
        pthread_mutex_lock(&mutex);
        call.entry.description = description_of[fd] = ++descriptions;
        path_of[fd] = strdup(path);
        if (!path_of[fd]) give_up("no memory");
        pthread_mutex_unlock(&mutex);
    }
    return (int)end(&call, fd);
}

/* Calls on names, but open. */
static int on_names(enum kind kind, int first_directory, const char *first, int second_directory, const char *second,
                    long number, const long arguments[5])
{
    struct call call = {.entry = {.kind = (uint8_t)kind}};
    char first_room[PATH_MAX], second_room[PATH_MAX];
    const char *from = absolute(first_directory, first, first_room);
    const char *to = second ? absolute(second_directory, second, second_room) : NULL;
    bool is_recorded = is_below_root(from) || (to && is_below_root(to));
    if (is_recorded) {
        char text[2 * PATH_MAX];
        int length = snprintf(text, sizeof text, "%s%c%s", from, '\0', to ? to : "");
        if (length < 0 || (size_t)length >= sizeof text) give_up("a name is too long");
        call.entry.text_bytes = (uint32_t)length;
        begin(&call, text, NULL);
    }
    long result = -1;
    if (call.action != FAIL)
        result = system_call(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4]);
    return (int)(is_recorded ? end(&call, result) : result);
}

/* Calls on descriptors that move no bytes. */
static int on_descriptor(enum kind kind, int fd, long number, off_t length)
{
    struct call call = {.entry = {.kind = (uint8_t)kind, .description = described(fd), .length = length}};
    bool is_recorded = call.entry.description != 0 && call.entry.description != NOTES;
    if (is_recorded) begin(&call, NULL, NULL);
    if (kind == CLOSE && call.entry.description) {
        description_of[fd] = 0;
        free(path_of[fd]);
        path_of[fd] = NULL;
    }
    long result = call.action == FAIL && kind != CLOSE ? -1 : system_call(number, fd, length);
    return (int)(is_recorded ? end(&call, result) : result);
}

/* All that moves bytes. Position -1 is where the descriptor stands. */
static ssize_t transfer(enum kind kind, int fd, const struct iovec *parts, int count, off_t position, int modes)
{
    uint32_t description = described(fd);
    if (description == NOTES && kind == WRITE) return enter_note(parts, count);
    if (description == 0 || description == NOTES) return move(kind, fd, parts, count, position, modes);
    struct call call = {.entry = {.kind = (uint8_t)kind, .description = description, .modes = (uint32_t)modes}};
    size_t length = total(parts, count);
    call.entry.length = (int64_t)length;
    call.entry.position = position < 0 ? system_call(SYS_lseek, fd, 0, SEEK_CUR) : position;
    unsigned char *copy = kind == WRITE ? gather(parts, count) : NULL;
    begin(&call, NULL, copy);
    ssize_t result = -1;
    if (call.action == NONE) {
        result = move(kind, fd, parts, count, position, modes);
    } else if (call.action != FAIL) {
        struct iovec part = {copy ? copy : parts[0].iov_base, part_of(&call, fd)};
        if (!copy && part.iov_len > parts[0].iov_len) part.iov_len = parts[0].iov_len;
        result = move(kind, fd, &part, 1, position, modes);
    }
    int error = errno;
    if (copy) {
        unsigned char *now = gather(parts, count);
        if (memcmp(copy, now, length) != 0) call.entry.flags |= MEMORY_CHANGED;
        free(now);
        free(copy);
    }
    errno = error;
    return (ssize_t)end(&call, result);
}

/* How much of a call is done that is done in part: past the page cache, no less than a sector. */
static size_t part_of(const struct call *call, int fd)
{
    size_t length = (size_t)call->entry.length;
    if (!(system_call(SYS_fcntl, fd, F_GETFL) & O_DIRECT)) return call->amount;
    size_t sectors = call->amount / SECTOR_BYTES * SECTOR_BYTES;
    if (sectors == 0) sectors = SECTOR_BYTES;
    return sectors < length ? sectors : length;
}

static ssize_t move(enum kind kind, int fd, const struct iovec *parts, int count, off_t position, int modes)
{
    if (count != 1 || modes) {
        /* As in `syscall`. */
        return system_call(kind == READ ? SYS_preadv2 : SYS_pwritev2, fd, parts, count, position, 0, modes);
    }
    void *bytes = parts[0].iov_base;
    if (position < 0) return system_call(kind == READ ? SYS_read : SYS_write, fd, bytes, parts[0].iov_len);
    return system_call(kind == READ ? SYS_pread64 : SYS_pwrite64, fd, bytes, parts[0].iov_len, position);
}

static ssize_t enter_note(const struct iovec *parts, int count)
{
    size_t length = total(parts, count);
    unsigned char *text = gather(parts, count);
    struct entry entry = {.kind = NOTE, .thread = (uint32_t)gettid(), .text_bytes = (uint32_t)length};
    pthread_mutex_lock(&mutex);
    append(&entry, (const char *)text, NULL, 0);
    if (strncmp((const char *)text, "fault ", 6) == 0) arm((const char *)text);
    pthread_mutex_unlock(&mutex);
    free(text);
    return (ssize_t)length;
}

static size_t total(const struct iovec *parts, int count)
{
    size_t bytes = 0;
    for (int part = 0; part < count; part++) bytes += parts[part].iov_len;
    return bytes;
}

/* A copy of what the parts hold, with a zero behind it, on a page's address, as O_DIRECT asks for. */
static unsigned char *gather(const struct iovec *parts, int count)
{
    unsigned char *copy = aligned_alloc(PAGE_BYTES, (total(parts, count) / PAGE_BYTES + 1) * PAGE_BYTES);
    if (!copy) give_up("no memory");
    unsigned char *target = copy;
    for (int part = 0; part < count; target += parts[part++].iov_len)
        if (parts[part].iov_len) memcpy(target, parts[part].iov_base, parts[part].iov_len);
    *target = 0;
    return copy;
}

/* Enters a call in the log and decides what becomes of it. The mutex is held while it dies: nobody enters anything more. */
static void begin(struct call *call, const char *text, const void *data)
{
    struct entry *entry = &call->entry;
    size_t length = (size_t)entry->length;
    entry->thread = (uint32_t)gettid();
    pthread_mutex_lock(&mutex);
    entry->call = ++calls;
    if (meets((enum kind)entry->kind)) {
        entry->flags = INJECTED;
        call->action = (enum action)fault.action;
        call->error = fault.error;
        call->amount = fault.amount ? (size_t)fault.amount : (length + 1) / 2;
        if (call->amount > length) call->amount = length;
        if (call->action == TEAR) call->action = fault.seen == fault.first ? CUT_SHORT : FAIL;
    }
    append(entry, text, data, data ? length : 0);
    if (call->action == KILL) die();
    pthread_mutex_unlock(&mutex);
}

/* Enters the end of a call, and returns what its caller shall see. */
static int64_t end(struct call *call, int64_t result)
{
    struct entry *entry = &call->entry;
    int error = errno;
    if (call->action == KILL_AMID) die();
    if (call->action == FAIL || call->action == FAIL_AFTER) {
        result = -1;
        error = call->error;
    }
    entry->phase = END;
    entry->result = result;
    entry->error = result < 0 ? error : 0;
    entry->text_bytes = 0;
    pthread_mutex_lock(&mutex);
    append(entry, NULL, NULL, 0);
    pthread_mutex_unlock(&mutex);
    errno = error;
    return result;
}

/* Whether the fault meets this call. */
static bool meets(enum kind kind)
{
    if (fault.action == NONE || !(fault.kinds >> kind & 1)) return false;
    uint32_t number = ++fault.seen;
    return number >= fault.first && number - fault.first < fault.times;
}

static _Noreturn void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static bool is_below_root(const char *name)
{
    return root && strncmp(name, root, root_length) == 0 && (name[root_length] == '/' || name[root_length] == '\0');
}

/* The name as it is, or as it leads on from what is open below the root, without a '/.' at its end. */
static const char *absolute(int directory, const char *name, char room[PATH_MAX])
{
    static const char by_descriptor[] = "/proc/self/fd/";
    char *rest = NULL;
    if (strncmp(name, by_descriptor, sizeof by_descriptor - 1) == 0)
        directory = (int)strtol(name + sizeof by_descriptor - 1, &rest, 10);
    else if (name[0] == '/')
        return name;
    if (directory < 0 || directory >= DESCRIPTORS || !path_of[directory]) return name;
    int length = snprintf(room, PATH_MAX, "%s%s%s", path_of[directory], rest ? "" : "/", rest ? rest : name);
    if (length < 0 || length >= PATH_MAX) give_up("a name is too long");
    if (length > 2 && strcmp(room + length - 2, "/.") == 0) room[length - 2] = '\0';
    return room;
}

static uint32_t described(int fd)
{
    return fd >= 0 && fd < DESCRIPTORS ? description_of[fd] : 0;
}

/* 'fault <kinds> <action> <errno> <amount> <first> <times>', in decimal, from now on; 'fault 0 0 0 0 0 0' ends it. */
static void arm(const char *text)
{
    struct fault armed = {0};
    if (sscanf(text, "fault %u %d %d %ld %u %u", &armed.kinds, &armed.action, &armed.error, &armed.amount, &armed.first,
               &armed.times) != 6)
        give_up("a fault has six numbers");
    fault = armed;
}

static void append(struct entry *entry, const char *text, const void *data, size_t data_bytes)
{
    entry->bytes = (uint32_t)(sizeof *entry + entry->text_bytes + data_bytes);
    const struct iovec parts[] = {
        {entry, sizeof *entry}, {(void *)(uintptr_t)text, entry->text_bytes}, {(void *)(uintptr_t)data, data_bytes}};
    if (system_call(SYS_writev, log_fd, parts, 3) != (long)entry->bytes) give_up("cannot write the log");
}

static long find_system_call(long number, ...)
{
    void *found = dlsym(RTLD_NEXT, "syscall");
    if (!found) abort();
    memcpy(&system_call, &found, sizeof found);
    va_list more;
    va_start(more, number);
    long values[6];
    take_six(values, more);
    va_end(more);
    return system_call(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}

/* Of a system call, whether it has so many arguments or fewer: what is beyond is ignored, here as in the kernel. */
static void take_six(long values[6], va_list more)
{
    for (int value = 0; value < 6; value++) values[value] = va_arg(more, long);
}

static _Noreturn void give_up(const char *reason)
{
    fprintf(stderr, "recorder: %s\n", reason);
    abort();
}
