#include "flow/http_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "flow/http_files.h"
#include "flow/http_listing.h"
#include "flow/http_path.h"

enum { NAMES_MAX = 4 << 20 };

void http_folder_clear(struct http_folder *f)
{
    vec_free(&f->entries);
    buf_free(&f->names);
}

/* What an entry is; a link is followed within the root only, so that nothing is told of elsewhere.
 */
static int look_at(int root_fd, const char *path, int dir_fd, const char *name, struct stat *ret)
{
    if (fstatat(dir_fd, name, ret, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISLNK(ret->st_mode))
        return 0;
    _cleanup_buf_ struct buf whole = BUF_INIT(2 * HTTP_PATH_MAX);
    buf_str(&whole, path);
    buf_str(&whole, name);
    _cleanup_fd_ int fd = http_open_beneath(root_fd, buf_cstr(&whole), O_PATH);
    if (fd < 0)
        return fd;
    return fstat(fd, ret) < 0 ? -errno : 0;
}

static enum http_entry_kind kind_of(mode_t mode)
{
    return S_ISDIR(mode) ? HTTP_ENTRY_FOLDER : S_ISREG(mode) ? HTTP_ENTRY_FILE : HTTP_ENTRY_OTHER;
}

/* Names are kept one behind the other in the entries' order, and pointed to when they don't move
 * any more. */
static int add(struct http_folder *f, const char *name, const struct stat *st)
{
    struct http_entry e = {.kind = kind_of(st->st_mode),
                           .size = (uint64_t)st->st_size,
                           .modified_s = st->st_mtim.tv_sec};
    buf_add(&f->names, name, strlen(name) + 1);
    if (f->names.failed)
        return -ENOMEM;
    return vec_add(&f->entries, &e);
}

static void point_to_names(struct http_folder *f)
{
    const char *name = f->names.data;
    for (size_t i = 0; i < f->entries.len; i++) {
        ((struct http_entry *)vec_at(&f->entries, i))->name = name;
        name += strlen(name) + 1;
    }
}

static int read_all(int root_fd, const char *path, bool hidden, DIR *dir, struct http_folder *f)
{
    const struct dirent *d;
    while ((d = readdir(dir))) {
        struct stat st;
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
            (d->d_name[0] == '.' && !hidden) ||
            look_at(root_fd, path, dirfd(dir), d->d_name, &st) < 0)
            continue;
        if (f->entries.len == HTTP_FOLDER_MAX) {
            f->cut = true;
            break;
        }
        int r = add(f, d->d_name, &st);
        if (r < 0)
            return r;
    }
    return 0;
}

int http_folder_read(int root_fd, const char *path, bool hidden, struct http_folder *ret)
{
    *ret =
        (struct http_folder){.entries = VEC_INIT(struct http_entry), .names = BUF_INIT(NAMES_MAX)};
    _cleanup_fd_ int fd = http_open_beneath(root_fd, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd;
    DIR *dir = fdopendir(fd);
    if (!dir)
        return -errno;
    fd_take(&fd);
    int r = read_all(root_fd, path, hidden, dir, ret);
    closedir(dir);
    point_to_names(ret);
    return r;
}
