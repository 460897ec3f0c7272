#include "base/time.h"

#include <time.h>

#include "base/buf.h"

enum { NS_PER_S = 1000000000 };

static uint64_t now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t time_monotonic_ns(void)
{
    return now(CLOCK_MONOTONIC);
}

uint64_t time_boot_ns(void)
{
    return now(CLOCK_BOOTTIME);
}

uint64_t time_real_ns(void)
{
    return now(CLOCK_REALTIME);
}

static void two_units(struct buf *out, uint64_t big, char big_unit, uint64_t small,
                      const char *small_format)
{
    buf_u64(out, big);
    buf_char(out, big_unit);
    if (small)
        buf_printf(out, small_format, small);
}

void time_format_duration(struct buf *out, uint64_t ns)
{
    uint64_t s = ns / NS_PER_S;

    if (ns < 1000000)
        buf_printf(out, "%luµs", ns / 1000);
    else if (s < 1)
        buf_printf(out, "%lums", ns / 1000000);
    else if (s < 10)
        buf_printf(out, "%lu.%lus", s, ns % NS_PER_S / 100000000);
    else if (s < 60)
        buf_printf(out, "%lus", s);
    else if (s < 3600)
        two_units(out, s / 60, 'm', s % 60, "%02lus");
    else if (s < 86400)
        two_units(out, s / 3600, 'h', s % 3600 / 60, "%02lum");
    else
        two_units(out, s / 86400, 'd', s % 86400 / 3600, "%luh");
}
