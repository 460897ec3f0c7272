/* The body of a request, as an upload takes it; for http_connection.c alone. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct http_connection;

/* Stores what belongs to the body: how many bytes were taken. *ret_error: the status that refuses
 * the upload, or 0; *ret_whole: it was the last of it. */
size_t http_connection_take_body(struct http_connection *c, const char *bytes, size_t n,
                                 int *ret_error, bool *ret_whole);
