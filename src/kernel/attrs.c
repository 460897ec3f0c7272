#include "kernel/attrs.h"

#include <assert.h>
#include <string.h>

bool attrs_parse(const void *at, size_t n, struct attr *table, size_t max)
{
    memset(table, 0, max * sizeof *table);
    const char *from = at;
    while (n >= sizeof(struct nlattr)) {
        const struct nlattr *a = (const struct nlattr *)from;
        size_t len = a->nla_len;
        if (len < sizeof *a || len > n)
            return false;
        unsigned type = a->nla_type & NLA_TYPE_MASK;
        if (type < max)
            table[type] = (struct attr){from + NLA_HDRLEN, len - NLA_HDRLEN};
        size_t step = NLA_ALIGN(len);
        if (step >= n)
            return true;
        from += step;
        n -= step;
    }
    return n == 0;
}

bool attrs_parse_message(const struct nlmsghdr *m, size_t header, struct attr *table, size_t max)
{
    size_t fixed = NLMSG_HDRLEN + NLMSG_ALIGN(header);
    if (m->nlmsg_len < fixed) {
        memset(table, 0, max * sizeof *table);
        return m->nlmsg_len >= NLMSG_HDRLEN + header;
    }
    return attrs_parse((const char *)m + fixed, m->nlmsg_len - fixed, table, max);
}

bool attrs_parse_nested(const struct attr *a, struct attr *table, size_t max)
{
    return attrs_parse(a->data, a->len, table, max);
}

uint8_t attr_u8(const struct attr *a, uint8_t otherwise)
{
    return attr_has(a, 1) ? *(const uint8_t *)a->data : otherwise;
}

uint16_t attr_u16(const struct attr *a, uint16_t otherwise)
{
    uint16_t value = otherwise;
    if (attr_has(a, sizeof value))
        memcpy(&value, a->data, sizeof value);
    return value;
}

uint32_t attr_u32(const struct attr *a, uint32_t otherwise)
{
    uint32_t value = otherwise;
    if (attr_has(a, sizeof value))
        memcpy(&value, a->data, sizeof value);
    return value;
}

uint64_t attr_u64(const struct attr *a, uint64_t otherwise)
{
    uint64_t value = otherwise;
    if (attr_has(a, sizeof value))
        memcpy(&value, a->data, sizeof value);
    return value;
}

void attr_text(const struct attr *a, char *ret, size_t size)
{
    assert(size > 0);
    size_t n = a->data ? strnlen(a->data, a->len) : 0;
    if (n >= size)
        n = size - 1;
    if (n)
        memcpy(ret, a->data, n);
    ret[n] = '\0';
}

size_t attr_copy(const struct attr *a, void *ret, size_t n)
{
    size_t came = !a->data ? 0 : a->len < n ? a->len : n;
    if (came)
        memcpy(ret, a->data, came);
    memset((char *)ret + came, 0, n - came);
    return came;
}

bool attr_put(struct nlmsghdr *m, size_t size, uint16_t type, const void *data, size_t n)
{
    size_t at = NLMSG_ALIGN(m->nlmsg_len);
    if (n > UINT16_MAX - NLA_HDRLEN || at + NLA_ALIGN(NLA_HDRLEN + n) > size)
        return false;
    struct nlattr a = {.nla_len = (uint16_t)(NLA_HDRLEN + n), .nla_type = type};
    char *to = (char *)m + at;
    memset(to, 0, NLA_ALIGN(NLA_HDRLEN + n));
    memcpy(to, &a, sizeof a);
    if (n)
        memcpy(to + NLA_HDRLEN, data, n);
    m->nlmsg_len = (uint32_t)(at + NLA_ALIGN(NLA_HDRLEN + n));
    return true;
}
