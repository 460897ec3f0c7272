#include "net/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/parse.h"

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct net_addr net_addr_from_bytes(int family, const void *bytes)
{
    struct net_addr a = {.family = (uint8_t)family};
    memcpy(a.bytes, bytes, net_addr_length(&a));
    return a;
}

size_t net_addr_length(const struct net_addr *a)
{
    return a->family == AF_INET ? 4 : a->family == AF_INET6 ? 16 : 0;
}

/* Copies text without brackets, up to a %; the cursor of the caller is the returned rest. */
static int copy_literal(const char *text, char *ret, size_t size, const char **ret_zone)
{
    bool bracketed = *text == '[';
    text += bracketed;
    size_t n = strcspn(text, "%]");
    if (n == 0 || n >= size)
        return -EINVAL;
    memcpy(ret, text, n);
    ret[n] = '\0';
    text += n;
    *ret_zone = *text == '%' ? text + 1 : NULL;
    if (bracketed && *ret_zone)
        return -EINVAL; /* "[fe80::1%eth0]": the endpoint parser takes the brackets off */
    if (!*ret_zone && strcmp(text, bracketed ? "]" : "") != 0)
        return -EINVAL;
    return 0;
}

int net_addr_parse(const char *text, struct net_addr *ret, const char **ret_device)
{
    char literal[INET6_ADDRSTRLEN];
    const char *zone;
    struct net_addr a = {0};
    int r = copy_literal(text, literal, sizeof literal, &zone);
    if (r < 0)
        return r;

    a.family = strchr(literal, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(a.family, literal, a.bytes) != 1)
        return -EINVAL;
    if (*text == '[' && a.family != AF_INET6)
        return -EINVAL;
    if (zone) {
        uint64_t scope;
        if (a.family == AF_INET6 && parse_u64(zone, 1, UINT32_MAX, &scope) == 0) {
            a.scope = (uint32_t)scope;
            zone = NULL;
        } else if (!ret_device || !*zone) {
            return -EINVAL;
        }
    }
    if (ret_device)
        *ret_device = zone;
    *ret = a;
    return 0;
}

int net_prefix_parse(const char *text, struct net_prefix *ret)
{
    char address[64];
    uint64_t len;
    struct net_addr a;
    size_t n = strcspn(text, "/");
    if (n >= sizeof address)
        return -EINVAL;
    memcpy(address, text, n);
    address[n] = '\0';
    int r = net_addr_parse(address, &a, NULL);
    if (r < 0)
        return r;
    uint64_t whole = net_addr_length(&a) * 8;
    if (text[n] == '\0')
        len = whole;
    else if (parse_u64(text + n + 1, 0, whole, &len) < 0)
        return -EINVAL;
    *ret = (struct net_prefix){.addr = a, .len = (uint8_t)len};
    return 0;
}

static void format_ipv4(struct buf *out, const uint8_t *bytes)
{
    char *start = buf_reserve(out, sizeof "255.255.255.255"), *at = start;
    if (!start)
        return;
    for (int i = 0; i < 4; i++) {
        unsigned byte = bytes[i];
        if (i)
            *at++ = '.';
        if (byte >= 100)
            *at++ = (char)('0' + byte / 100);
        if (byte >= 10)
            *at++ = (char)('0' + byte / 10 % 10);
        *at++ = (char)('0' + byte % 10);
    }
    out->len += (size_t)(at - start);
}

void net_addr_format(struct buf *out, const struct net_addr *a)
{
    char text[INET6_ADDRSTRLEN];
    if (a->family == AF_INET) {
        format_ipv4(out, a->bytes);
    } else if (net_addr_is_mapped(a)) {
        buf_str(out, "::ffff:");
        format_ipv4(out, a->bytes + 12);
    } else if (a->family == AF_INET6) {
        inet_ntop(AF_INET6, a->bytes, text, sizeof text);
        buf_str(out, text);
    }
}

int net_addr_compare(const struct net_addr *a, const struct net_addr *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    int order = memcmp(a->bytes, b->bytes, sizeof a->bytes);
    if (order)
        return order;
    return a->scope < b->scope ? -1 : a->scope > b->scope;
}

bool net_addr_equal(const struct net_addr *a, const struct net_addr *b)
{
    return net_addr_compare(a, b) == 0;
}

bool net_addr_is_mapped(const struct net_addr *a)
{
    return a->family == AF_INET6 && memcmp(a->bytes, mapped_prefix, sizeof mapped_prefix) == 0;
}

struct net_addr net_addr_unmap(const struct net_addr *a)
{
    return net_addr_is_mapped(a) ? net_addr_from_bytes(AF_INET, a->bytes + 12) : *a;
}

bool net_addr_is_wildcard(const struct net_addr *a)
{
    static const uint8_t zero[16];
    struct net_addr plain = net_addr_unmap(a);
    return memcmp(plain.bytes, zero, sizeof zero) == 0;
}

bool net_addr_is_loopback(const struct net_addr *a)
{
    static const uint8_t one[16] = {[15] = 1};
    struct net_addr plain = net_addr_unmap(a);
    if (plain.family == AF_INET)
        return plain.bytes[0] == 127;
    return plain.family == AF_INET6 && memcmp(plain.bytes, one, sizeof one) == 0;
}

bool net_addr_is_link_local(const struct net_addr *a)
{
    struct net_addr plain = net_addr_unmap(a);
    if (plain.family == AF_INET)
        return plain.bytes[0] == 169 && plain.bytes[1] == 254;
    return plain.family == AF_INET6 && plain.bytes[0] == 0xfe && (plain.bytes[1] & 0xc0) == 0x80;
}

bool net_addr_is_multicast(const struct net_addr *a)
{
    struct net_addr plain = net_addr_unmap(a);
    if (plain.family == AF_INET)
        return plain.bytes[0] >> 4 == 14;
    return plain.family == AF_INET6 && plain.bytes[0] == 0xff;
}

bool net_prefix_contains(const struct net_prefix *p, const struct net_addr *a)
{
    struct net_addr plain = p->addr.family == AF_INET ? net_addr_unmap(a) : *a;
    if (plain.family != p->addr.family)
        return false;
    if (p->addr.scope && plain.scope != p->addr.scope)
        return false;
    size_t whole = p->len / 8, rest = p->len % 8;
    if (memcmp(plain.bytes, p->addr.bytes, whole) != 0)
        return false;
    return rest == 0 || (plain.bytes[whole] ^ p->addr.bytes[whole]) >> (8 - rest) == 0;
}
