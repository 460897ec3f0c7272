#include "flow/rate.h"

enum { LEAST_BURST = 4096, BURSTS_A_SECOND = 4 };
#define NS_PER_SECOND UINT64_C(1000000000)

static uint64_t burst_of(const struct rate *r)
{
    uint64_t burst = r->per_second / BURSTS_A_SECOND;
    return burst > LEAST_BURST ? burst : LEAST_BURST;
}

static uint64_t bytes_in(const struct rate *r, uint64_t ns)
{
    return (uint64_t)((double)ns / (double)NS_PER_SECOND * (double)r->per_second);
}

static uint64_t ns_of(const struct rate *r, uint64_t bytes)
{
    return (uint64_t)((double)bytes / (double)r->per_second * (double)NS_PER_SECOND);
}

size_t rate_allows(const struct rate *r, size_t n, uint64_t now_ns)
{
    if (!r->per_second)
        return n;
    if (now_ns <= r->empty_ns)
        return 0;
    uint64_t held = bytes_in(r, now_ns - r->empty_ns), burst = burst_of(r);
    if (held > burst)
        held = burst;
    return held < n ? (size_t)held : n;
}

void rate_take(struct rate *r, size_t n, uint64_t now_ns)
{
    if (!r->per_second)
        return;
    uint64_t full = ns_of(r, burst_of(r));
    if (now_ns > full && r->empty_ns < now_ns - full)
        r->empty_ns = now_ns - full; /* it doesn't hold more than that */
    r->empty_ns += ns_of(r, n);
}

uint64_t rate_when(const struct rate *r)
{
    return r->per_second ? r->empty_ns + ns_of(r, 1) + 1 : 0;
}
