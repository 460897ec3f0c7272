/* Clocks, and durations in words. */
#pragma once
#include <stdint.h>

struct buf;

uint64_t time_monotonic_ns(void);
uint64_t time_boot_ns(void); /* since boot, with suspend: the clock of /proc/PID/stat's starttime */
uint64_t time_real_ns(void); /* since 1970 */

/* A duration for people, two units at the most: "950µs", "12ms", "4.2s", "3m05s", "2h10m", "5d3h".
 */
void time_format_duration(struct buf *out, uint64_t ns);
