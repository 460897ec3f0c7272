/* Media types by the names of files.
 *
 * The types that the web stands on are built in, and go before what the system says: browsers
 * insist on them. The rest is of the shared MIME database (globs2), or of /etc/mime.types.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/vec.h"

struct http_types {
    struct vec rows; /* sorted by suffix */
    struct buf text; /* suffixes and types */
};

#define _cleanup_http_types_ __attribute__((cleanup(http_types_free)))

void http_types_init(struct http_types *t); /* the built-in ones alone */
void http_types_free(struct http_types *t);

/* Adds what a file says; of two types of a suffix the one added first counts. Lines of other forms
 * are passed over; what doesn't fit any more, too. Then http_types_sort is to be called. */
void http_types_add_globs2(struct http_types *t, const char *text, size_t n);
void http_types_add_mime_types(struct http_types *t, const char *text, size_t n);
void http_types_sort(struct http_types *t);
/* All of that with this system's files; where there are none, nothing is added. */
void http_types_load(struct http_types *t);

/* By the longest suffix that is known ("x.tar.gz": first "tar.gz", then "gz"), in any case; NULL if
 * none is. Valid as long as *t. */
const char *http_types_find(const struct http_types *t, const char *path);
/* By the first bytes of the content: text/plain, or application/octet-stream. */
const char *http_types_guess(const char *bytes, size_t n);
/* Whether such a thing may have a compressed neighbour that is worth looking for. */
bool http_type_compresses(const char *type);
