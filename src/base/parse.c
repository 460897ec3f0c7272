#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Reads digits of one base from *at; the cursor advances only on success. */
static int scan_digits(const char **at, unsigned base, uint64_t *ret)
{
    const char *p = *at;
    uint64_t value = 0;

    for (;; p++) {
        unsigned digit;
        if (*p >= '0' && *p <= '9')
            digit = (unsigned)(*p - '0');
        else if (base == 16 && isxdigit((unsigned char)*p))
            digit = (unsigned)(tolower((unsigned char)*p) - 'a' + 10);
        else
            break;
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return -ERANGE;
    }
    if (p == *at)
        return -EINVAL;
    *at = p;
    *ret = value;
    return 0;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    uint64_t value;
    unsigned base = 10;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    int r = scan_digits(&text, base, &value);
    if (r < 0)
        return r;
    if (*text)
        return -EINVAL;
    if (value < min || value > max)
        return -ERANGE;
    *ret = value;
    return 0;
}

static int scan_port(const char **at, uint16_t *ret)
{
    uint64_t value;
    int r = scan_digits(at, 10, &value);
    if (r < 0)
        return r;
    if (value > UINT16_MAX)
        return -ERANGE;
    *ret = (uint16_t)value;
    return 0;
}

int parse_port(const char *text, uint16_t *ret)
{
    uint16_t port;
    int r = scan_port(&text, &port);
    if (r < 0)
        return r;
    if (*text)
        return -EINVAL;
    *ret = port;
    return 0;
}

int parse_port_range(const char *text, uint16_t *ret_first, uint16_t *ret_last)
{
    uint16_t first, last;
    int r = scan_port(&text, &first);
    if (r < 0)
        return r;
    last = first;
    if (*text == '-') {
        text++;
        r = scan_port(&text, &last);
        if (r < 0)
            return r;
    }
    if (*text)
        return -EINVAL;
    if (last < first)
        return -ERANGE;
    *ret_first = first;
    *ret_last = last;
    return 0;
}

/* A fraction of nine digits times a day in nanoseconds needs more than 64 bits. */
__extension__ typedef unsigned __int128 wide;

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit duration_units[] = {
    {"ns", 1},        {"us", 1000},        {"ms", 1000000},       {"s", 1000000000},
    {"", 1000000000}, {"m", 60000000000u}, {"h", 3600000000000u}, {"d", 86400000000000u},
};

static const struct unit size_units[] = {
    {"", 1},          {"B", 1},          {"k", 1 << 10},      {"K", 1 << 10},
    {"KiB", 1 << 10}, {"M", 1 << 20},    {"MiB", 1 << 20},    {"G", 1 << 30},
    {"GiB", 1 << 30}, {"T", 1ull << 40}, {"TiB", 1ull << 40},
};

/* A number with an optional decimal fraction and a unit of the table. */
static int parse_quantity(const char *text, const struct unit *units, size_t n_units, uint64_t *ret)
{
    uint64_t whole, fraction = 0, scale = 1;
    int r = scan_digits(&text, 10, &whole);
    if (r < 0)
        return r;
    if (*text == '.') {
        const char *start = ++text;
        r = scan_digits(&text, 10, &fraction);
        if (r < 0)
            return r;
        if (text - start > 9)
            return -ERANGE;
        for (; start < text; start++)
            scale *= 10;
    }
    for (size_t i = 0; i < n_units; i++) {
        if (strcmp(text, units[i].name) != 0)
            continue;
        uint64_t value;
        if (__builtin_mul_overflow(whole, units[i].factor, &value) ||
            __builtin_add_overflow(value, (uint64_t)((wide)fraction * units[i].factor / scale),
                                   &value))
            return -ERANGE;
        *ret = value;
        return 0;
    }
    return -EINVAL;
}

int parse_duration_ns(const char *text, uint64_t *ret)
{
    return parse_quantity(text, duration_units, sizeof duration_units / sizeof *duration_units,
                          ret);
}

int parse_size(const char *text, uint64_t *ret)
{
    return parse_quantity(text, size_units, sizeof size_units / sizeof *size_units, ret);
}
