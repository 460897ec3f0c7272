/* What a client takes: Accept and Accept-Encoding, with their weights (RFC 9110 12). */
#pragma once
#include <stddef.h>

enum http_coding { HTTP_BR, HTTP_ZSTD, HTTP_GZIP, HTTP_IDENTITY, HTTP_CODINGS };

/* As in Content-Encoding: "br", "zstd", "gzip"; "identity". */
const char *http_coding_name(enum http_coding c);
/* The suffix of a file that holds it: ".br", ".zst", ".gz"; "". */
const char *http_coding_suffix(enum http_coding c);

/* An Accept-Encoding field: fills ret with the codings that it takes as gladly as the plain form or
 * more, the best first, up to and with HTTP_IDENTITY; their number. */
size_t http_accept_codings(const char *bytes, size_t n, enum http_coding ret[HTTP_CODINGS]);
/* An Accept field: the weight of a type, 0 … 1000. */
unsigned http_accept_weight(const char *bytes, size_t n, const char *type, const char *subtype);
