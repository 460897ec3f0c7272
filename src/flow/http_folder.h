/* What a folder below the root holds, for a listing. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/vec.h"

enum { HTTP_FOLDER_MAX = 10000 };

struct http_folder {
    struct vec entries; /* struct http_entry */
    struct buf names;   /* where their names are */
    bool cut;           /* there are more than HTTP_FOLDER_MAX */
};

/* Reads it. hidden: with those whose names begin with a dot. What leads out of the root isn't
 * there. 0 or a negative errno, as http_open_beneath; *ret is to be cleared in any case. */
int http_folder_read(int root_fd, const char *path, bool hidden, struct http_folder *ret);
void http_folder_clear(struct http_folder *f);
