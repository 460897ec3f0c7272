#include "flow/http_upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "flow/http_files.h"
#include "flow/http_path.h"

enum { TRIES = 16 };

struct http_upload {
    int folder_fd, fd;
    bool finished;
    char temporary[40];
    char name[];
};

static int make_temporary(struct http_upload *u)
{
    for (int i = 0; i < TRIES; i++) {
        uint64_t number;
        if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
            return -EIO;
        snprintf(u->temporary, sizeof u->temporary, ".upload-%016llx", (unsigned long long)number);
        u->fd = openat(u->folder_fd, u->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (u->fd >= 0)
            return 0;
        u->temporary[0] = '\0'; /* it's not ours to remove */
        if (errno != EEXIST)
            return -errno;
    }
    return -EEXIST;
}

static bool is_folder(int folder_fd, const char *name)
{
    struct stat st;
    return fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

int http_upload_begin(int root_fd, const char *path, struct http_upload **ret)
{
    char folder[HTTP_PATH_MAX];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n_folder = (size_t)(name - path), n_name = strlen(name);
    if (n_name == 0)
        return -EISDIR;
    if (n_folder >= sizeof folder)
        return -ENAMETOOLONG;
    memcpy(folder, path, n_folder);
    folder[n_folder] = '\0';
    struct http_upload *u = calloc(1, sizeof *u + n_name + 1);
    if (!u)
        return -ENOMEM;
    memcpy(u->name, name, n_name + 1);
    u->fd = -1;
    u->folder_fd = http_open_beneath(root_fd, folder, O_PATH | O_DIRECTORY);
    int r = u->folder_fd < 0                ? u->folder_fd
            : is_folder(u->folder_fd, name) ? -EISDIR
                                            : make_temporary(u);
    if (r < 0)
        http_upload_free(&u);
    else
        *ret = u;
    return r;
}

int http_upload_write(struct http_upload *u, const char *bytes, size_t n)
{
    return fd_write_all(u->fd, bytes, n);
}

int http_upload_finish(struct http_upload *u, bool *ret_new)
{
    struct stat st;
    /* A write that failed later (network file systems) is told by close. */
    int fd = fd_take(&u->fd);
    if (close(fd) < 0 && errno != EINTR)
        return -errno;
    *ret_new = fstatat(u->folder_fd, u->name, &st, AT_SYMLINK_NOFOLLOW) < 0;
    if (renameat(u->folder_fd, u->temporary, u->folder_fd, u->name) < 0)
        return -errno;
    u->finished = true;
    return 0;
}

void http_upload_free(struct http_upload **u)
{
    struct http_upload *old = *u;
    *u = NULL;
    if (!old)
        return;
    if (old->temporary[0] && !old->finished && old->folder_fd >= 0)
        unlinkat(old->folder_fd, old->temporary, 0);
    fd_close(&old->fd);
    fd_close(&old->folder_fd);
    free(old);
}
