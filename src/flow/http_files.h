/* The files below a root, opened so that no path leads out of it, and kept open for a while.
 *
 * Every path is resolved by openat2(2) with RESOLVE_BENEATH: links within the root are followed,
 * those that lead out fail, and so do absolute ones. What is no plain file is never opened. A file
 * that is kept is looked at again (one fstatat) when it is asked for, and opened anew if it was
 * changed, replaced or removed: nothing is given that was old already when somebody began to ask.
 * One look is enough for all whose requests had come before it.
 *
 * One thread uses a struct http_files; several may share the root's descriptor and the types.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "flow/http_conditions.h"

struct http_types;

enum { HTTP_FILES_SETS = 64, HTTP_FILES_WAYS = 4 };

struct http_file {
    unsigned refs;
    int fd;
    uint64_t size;
    int64_t modified_s;
    const char *type; /* of its name */
    bool compresses;  /* http_type_compresses */
    bool is_text;     /* its type takes a charset */
    char etag[HTTP_ETAG_MAX];
    uint8_t n_etag;
    /* of the cache */
    struct stat st;
    uint64_t hash, used;
    uint64_t round; /* in which it was looked at */
    char path[];
};

struct http_files {
    int root_fd; /* borrowed */
    const struct http_types *types;
    uint64_t clock;
    uint64_t round; /* of the loop, set by the owner: a number that doesn't come again */
    bool waited;    /* the same: the request had come before this round */
    struct http_file *slots[HTTP_FILES_SETS][HTTP_FILES_WAYS];
};

void http_files_init(struct http_files *f, int root_fd, const struct http_types *types);
void http_files_clear(struct http_files *f);

/* Opens the file at a path that http_path_decode gave. 0, with a reference that is given back by
 * http_file_unref. -EISDIR for a folder; -ENOENT, also for what leads out of the root; -EACCES,
 * also for what is neither file nor folder; -EMFILE …: no descriptors. */
int http_files_open(struct http_files *f, const char *path, struct http_file **ret);
/* Forgets a file that turned out to be another than it was. */
void http_files_forget(struct http_files *f, const char *path);
void http_file_unref(struct http_file **file);

/* openat2(2) below a root, as above; a negative errno: -ENOENT for what leads out. */
int http_open_beneath(int root_fd, const char *path, int flags);
/* Lets go of the files that nobody reads just now: descriptors are short. */
void http_files_shrink(struct http_files *f);
