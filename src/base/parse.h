/* Strict readers of numbers in words of the user. The whole text must be the number: no sign, no
 * blanks, no rest. Outputs change only on success; failures are -EINVAL (no such form) or -ERANGE.
 */
#pragma once
#include <stdint.h>

/* Decimal, or hexadecimal after 0x; min and max included. */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);
/* 0 … 65535, decimal only. */
int parse_port(const char *text, uint16_t *ret);
/* "80", "8000-8100": first ≤ last. */
int parse_port_range(const char *text, uint16_t *ret_first, uint16_t *ret_last);
/* "500ms", "2s", "1.5s", "3m", "2h", "1d", a bare number is seconds; in nanoseconds. */
int parse_duration_ns(const char *text, uint64_t *ret);
/* "512", "64k", "1M", "2G" (binary multiples, also "KiB" …); in bytes. */
int parse_size(const char *text, uint64_t *ret);
