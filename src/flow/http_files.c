#include "flow/http_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "flow/http_types.h"

enum { GUESS_BYTES = 512, RETRIES = 8 };

void http_files_init(struct http_files *f, int root_fd, const struct http_types *types)
{
    *f = (struct http_files){.root_fd = root_fd, .types = types};
}

void http_file_unref(struct http_file **file)
{
    struct http_file *old = *file;
    *file = NULL;
    if (!old || --old->refs > 0)
        return;
    fd_close(&old->fd);
    free(old);
}

void http_files_clear(struct http_files *f)
{
    for (int set = 0; set < HTTP_FILES_SETS; set++)
        for (int way = 0; way < HTTP_FILES_WAYS; way++)
            http_file_unref(&f->slots[set][way]);
}

void http_files_shrink(struct http_files *f)
{
    http_files_clear(f); /* who reads one has a reference of his own */
}

/* -- opening -- */

int http_open_beneath(int root_fd, const char *path, int flags)
{
    flags |= O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY | O_NONBLOCK);
    const struct open_how how = {.flags = (uint64_t)flags,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    /* EAGAIN: somebody renames while ".." is resolved (openat2(2)). */
    for (int i = 0; i < RETRIES; i++) {
        long fd = syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof how);
        if (fd >= 0)
            return (int)fd;
        if (errno != EAGAIN && errno != EINTR)
            break;
    }
    return errno == EXDEV || errno == ELOOP || errno == ENOTDIR || errno == ENAMETOOLONG ? -ENOENT
                                                                                         : -errno;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int judge_mode(mode_t mode)
{
    return S_ISREG(mode) ? 0 : S_ISDIR(mode) ? -EISDIR : -EACCES;
}

static const char *type_of(const struct http_files *f, const char *path, int fd)
{
    char start[GUESS_BYTES];
    const char *type = http_types_find(f->types, path);
    if (type)
        return type;
    ssize_t n = pread(fd, start, sizeof start, 0);
    return http_types_guess(start, n > 0 ? (size_t)n : 0);
}

static int make_file(struct http_files *f, const char *path, struct http_file **ret)
{
    struct stat st;
    /* First what it is: to open some devices is to do something. */
    if (fstatat(f->root_fd, *path ? path : ".", &st, 0) == 0 && judge_mode(st.st_mode) == -EACCES)
        return -EACCES;
    _cleanup_fd_ int fd = http_open_beneath(f->root_fd, path, O_RDONLY);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    int r = judge_mode(st.st_mode);
    if (r < 0)
        return r;
    size_t n_path = strlen(path) + 1;
    struct http_file *file = calloc(1, sizeof *file + n_path);
    if (!file)
        return -ENOMEM;
    memcpy(file->path, path, n_path);
    file->type = type_of(f, path, fd);
    file->compresses = http_type_compresses(file->type);
    file->is_text = strncmp(file->type, "text/", 5) == 0;
    file->refs = 1;
    file->round = f->round;
    file->fd = fd_take(&fd);
    file->st = st;
    file->size = (uint64_t)st.st_size;
    file->modified_s = st.st_mtim.tv_sec;
    file->n_etag = (uint8_t)http_etag_format(file->etag, st.st_mtim.tv_sec,
                                             (uint32_t)st.st_mtim.tv_nsec, file->size, st.st_ino);
    *ret = file;
    return 0;
}

/* -- keeping: sets of a few files each, of which the one used longest ago goes -- */

static uint64_t hash_of(const char *path) /* FNV-1a */
{
    uint64_t hash = 0xcbf29ce484222325;
    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 0x100000001b3;
    return hash ^ hash >> 32;
}

static struct http_file **find_slot(struct http_files *f, const char *path, uint64_t hash)
{
    struct http_file **set = f->slots[hash % HTTP_FILES_SETS];
    for (int way = 0; way < HTTP_FILES_WAYS; way++)
        if (set[way] && set[way]->hash == hash && strcmp(set[way]->path, path) == 0)
            return &set[way];
    return NULL;
}

static struct http_file **oldest_slot(struct http_files *f, uint64_t hash)
{
    struct http_file **set = f->slots[hash % HTTP_FILES_SETS], **oldest = set;
    for (int way = 0; way < HTTP_FILES_WAYS; way++) {
        if (!set[way])
            return &set[way];
        if (set[way]->used < (*oldest)->used)
            oldest = &set[way];
    }
    return oldest;
}

static void keep(struct http_files *f, struct http_file *file, uint64_t hash)
{
    struct http_file **slot = oldest_slot(f, hash);
    http_file_unref(slot);
    file->hash = hash;
    file->used = ++f->clock;
    file->refs++;
    *slot = file;
}

void http_files_forget(struct http_files *f, const char *path)
{
    struct http_file **slot = find_slot(f, path, hash_of(path));
    if (slot)
        http_file_unref(slot);
}

/* Whether a file that is kept is still the one at its path. */
static bool is_current(const struct http_files *f, struct http_file *file)
{
    struct stat st;
    if (f->waited && file->round == f->round)
        return true;
    file->round = f->round;
    return fstatat(f->root_fd, file->path, &st, 0) == 0 && is_same(&st, &file->st);
}

int http_files_open(struct http_files *f, const char *path, struct http_file **ret)
{
    uint64_t hash = hash_of(path);
    struct http_file **slot = find_slot(f, path, hash);
    if (slot) {
        if (is_current(f, *slot)) {
            (*slot)->used = ++f->clock;
            (*slot)->refs++;
            *ret = *slot;
            return 0;
        }
        http_file_unref(slot);
    }
    struct http_file *file;
    int r = make_file(f, path, &file);
    if (r == -EMFILE || r == -ENFILE) {
        http_files_shrink(f);
        r = make_file(f, path, &file);
    }
    if (r < 0)
        return r;
    keep(f, file, hash);
    *ret = file;
    return 0;
}
