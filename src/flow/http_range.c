#include "flow/http_range.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct cursor {
    const char *at, *end;
};

static void skip_blanks(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
        c->at++;
}

/* Digits, at least one; what is beyond 64 bits is as good as the greatest. */
static bool take_number(struct cursor *c, uint64_t *ret)
{
    const char *from = c->at;
    uint64_t value = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        value = value > (UINT64_MAX - 9) / 10 ? UINT64_MAX : value * 10 + (unsigned)(*c->at - '0');
    *ret = value;
    return c->at > from;
}

/* One range of the list. false: malformed. *ret_within: it has a byte of the representation. */
static bool take_range(struct cursor *c, uint64_t size, struct http_range *ret, bool *ret_within)
{
    uint64_t first, last;
    bool has_first = take_number(c, &first);
    if (c->at == c->end || *c->at++ != '-')
        return false;
    bool has_last = take_number(c, &last);
    if (has_first ? has_last && last < first : !has_last)
        return false;
    if (has_first) {
        *ret_within = first < size;
        ret->first = first;
        ret->last = has_last && last < size ? last : size - 1;
    } else { /* the last so many bytes */
        *ret_within = last > 0 && size > 0;
        ret->first = last < size ? size - last : 0;
        ret->last = size - 1;
    }
    return true;
}

/* Between ranges: commas, of which some may have nothing between them; or the end. */
static bool take_commas(struct cursor *c)
{
    bool any = false;
    skip_blanks(c);
    for (; c->at < c->end && *c->at == ','; skip_blanks(c)) {
        c->at++;
        any = true;
    }
    return any || c->at == c->end;
}

int http_range_parse(const char *bytes, size_t n, uint64_t size, struct http_ranges *ret)
{
    static const char unit[] = "bytes=";
    struct cursor c = {bytes, bytes + n};
    struct http_ranges ranges = {0};
    uint64_t sum = 0;
    unsigned asked = 0;

    ret->n = 0;
    if (n < sizeof unit || strncasecmp(bytes, unit, sizeof unit - 1) != 0)
        return 0;
    c.at += sizeof unit - 1;
    skip_blanks(&c);
    while (c.at < c.end) {
        struct http_range r;
        bool within;
        if (!take_range(&c, size, &r, &within) || !take_commas(&c) || asked++ == HTTP_RANGES_MAX)
            return 0;
        if (!within)
            continue;
        if (__builtin_add_overflow(sum, http_range_length(&r), &sum) || sum > size)
            return 0;
        ranges.range[ranges.n++] = r;
    }
    if (asked > 0 && ranges.n == 0)
        return -ERANGE;
    *ret = ranges;
    return 0;
}
