/* A limit of bytes a second, as a bucket that fills with time. Pure: the caller brings the clock.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct rate {
    uint64_t per_second; /* bytes; 0: no limit */
    uint64_t empty_ns;   /* the moment at which the bucket is, or was, empty */
};

/* How many of n bytes may pass now; what wasn't used of them isn't counted. The bucket holds a
 * quarter of a second's worth, and 4 KiB at least. */
size_t rate_allows(const struct rate *r, size_t n, uint64_t now_ns);
void rate_take(struct rate *r, size_t n, uint64_t now_ns);
/* When a byte may pass. */
uint64_t rate_when(const struct rate *r);
