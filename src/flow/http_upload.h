/* A file that a client sends: written beside its place, and put there when it is whole.
 *
 * Nobody ever sees half of one: what was there stays until then, and what isn't finished is
 * removed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_upload;

/* path as of http_path_decode, its folder must be there. 0, or a negative errno: -ENOENT (no such
 * folder), -EISDIR (the path is a folder's), -EACCES, -ENOSPC …. */
int http_upload_begin(int root_fd, const char *path, struct http_upload **ret);
/* 0 or a negative errno. */
int http_upload_write(struct http_upload *u, const char *bytes, size_t n);
/* Puts it in its place; *ret_new: nothing was there. 0 or a negative errno. */
int http_upload_finish(struct http_upload *u, bool *ret_new);
/* Removes what isn't finished; takes NULL. */
void http_upload_free(struct http_upload **u);
