/* Byte ranges of a representation (RFC 9110 14): "bytes=0-499,-500" against a size. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { HTTP_RANGES_MAX = 16 };

struct http_range {
    uint64_t first, last; /* both included */
};

struct http_ranges {
    size_t n;
    struct http_range range[HTTP_RANGES_MAX];
};

/* Reads a Range field. 0: ret->n ranges, in the order asked, none empty; n is 0 where the field is
 * to be passed over: another unit, malformed, more ranges than HTTP_RANGES_MAX, or together more
 * than the whole (such requests are attacks, and the whole is a right answer to any). -ERANGE: none
 * lies within the representation (416). */
int http_range_parse(const char *bytes, size_t n, uint64_t size, struct http_ranges *ret);
static inline uint64_t http_range_length(const struct http_range *r)
{
    return r->last - r->first + 1;
}
