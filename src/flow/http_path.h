/* Paths of URLs as paths of files, and back.
 *
 * What is decoded is a path below the root: no "." or ".." or empty segment is left, no NUL, and no
 * slash that was written %2F. Whether links lead out of the root is for openat2(2) to see.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct buf;

enum { HTTP_PATH_MAX = 4096 };

/* n encoded bytes that begin with '/'. Writes the path without its leading slash, with a NUL, into
 * ret (size bytes); a slash at the end stays: "a/b/", and "" is the root. Its length, or -EINVAL
 * (malformed, or it leads out of the root), or -ENAMETOOLONG. */
int http_path_decode(const char *bytes, size_t n, char *ret, size_t size);
/* Whether a segment begins with a dot. */
bool http_path_is_hidden(const char *path);
/* Percent-encodes all but unreserved characters and, where it is wanted, slashes. */
void http_path_encode(struct buf *out, const char *bytes, size_t n, bool keep_slashes);
/* The value of a parameter of a query, still encoded; NULL if it isn't there. */
const char *http_query_find(const char *query, size_t n, const char *name, size_t *ret_n);
