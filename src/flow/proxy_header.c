#include "flow/proxy_header.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/parse.h"
#include "flow/target.h"
#include "net/addr.h"

/* Version 1 */

enum { LINE_MAX_BYTES = 107 };

/* The word up to the separator, cut off there; NULL when there is none. */
static char *cut(char **at, char separator)
{
    char *word = *at, *end = strchr(word, separator);
    if (!end)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return word;
}

static bool take_end(struct sockaddr_storage *ret, socklen_t *ret_n, int family,
                     const char *address, const char *port)
{
    struct target t = {0};
    struct net_addr a;
    uint16_t number;
    bool plain = strspn(address, "0123456789abcdefABCDEF:.") == strlen(address);
    /* "080" is no number here, though the kernel wouldn't mind. */
    if (!plain || (port[0] == '0' && port[1]) || net_addr_parse(address, &a, NULL) < 0 ||
        a.family != family || parse_port(port, &number) < 0)
        return false;
    target_set_ip(&t, &a, number);
    *ret = t.address;
    *ret_n = t.address_n;
    return true;
}

/* The line without its CR LF. */
static int parse_line(char *line, struct proxy_header *ret)
{
    if (strcmp(line, "PROXY UNKNOWN") == 0 || strncmp(line, "PROXY UNKNOWN ", 14) == 0)
        return 0;
    char *at = line + sizeof "PROXY " - 1;
    char *proto = cut(&at, ' '), *from = proto ? cut(&at, ' ') : NULL;
    char *to = from ? cut(&at, ' ') : NULL, *from_port = to ? cut(&at, ' ') : NULL;
    if (!from_port)
        return -EPROTO;
    int family = strcmp(proto, "TCP4") == 0   ? AF_INET
                 : strcmp(proto, "TCP6") == 0 ? AF_INET6
                                              : AF_UNSPEC;
    if (!take_end(&ret->from, &ret->from_n, family, from, from_port) ||
        !take_end(&ret->to, &ret->to_n, family, to, at))
        return -EPROTO;
    ret->known = true;
    return 0;
}

static int parse_1(const char *bytes, size_t n, struct proxy_header *ret)
{
    char line[LINE_MAX_BYTES + 1];
    size_t most = n < LINE_MAX_BYTES ? n : LINE_MAX_BYTES;
    const char *feed = memchr(bytes, '\n', most);
    if (!feed)
        return n < LINE_MAX_BYTES ? 0 : -EPROTO;
    size_t length = (size_t)(feed - bytes) + 1;
    if (length < 2 || feed[-1] != '\r' || memchr(bytes, '\0', length))
        return -EPROTO;
    memcpy(line, bytes, length - 2);
    line[length - 2] = '\0';
    int result = parse_line(line, ret);
    return result < 0 ? result : (int)length;
}

/* Version 2 */

static const uint8_t signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                      0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
enum { HEAD = 16, V4 = 12, V6 = 36, LOCAL = 0x20, PROXIED = 0x21 };
enum { OVER_TCP4 = 0x11, OVER_UDP4 = 0x12, OVER_TCP6 = 0x21, OVER_UDP6 = 0x22 };

static void take_binary(struct sockaddr_storage *ret, socklen_t *ret_n, int family,
                        const uint8_t *address, const uint8_t *port)
{
    struct target t = {0};
    struct net_addr a = net_addr_from_bytes(family, address);
    target_set_ip(&t, &a, (uint16_t)(port[0] << 8 | port[1]));
    *ret = t.address;
    *ret_n = t.address_n;
}

static int take_addresses(const uint8_t *b, size_t length, struct proxy_header *ret)
{
    bool v4 = b[13] == OVER_TCP4 || b[13] == OVER_UDP4;
    bool v6 = b[13] == OVER_TCP6 || b[13] == OVER_UDP6;
    if (!v4 && !v6) /* UNSPEC and UNIX: nothing to take; else no such family or transport */
        return b[13] >> 4 <= 3 && (b[13] & 15) <= 2 ? 0 : -EPROTO;
    int family = v4 ? AF_INET : AF_INET6;
    size_t size = v4 ? 4 : 16;
    if (length < (size_t)(v4 ? V4 : V6))
        return -EPROTO;
    const uint8_t *at = b + HEAD;
    take_binary(&ret->from, &ret->from_n, family, at, at + 2 * size);
    take_binary(&ret->to, &ret->to_n, family, at + size, at + 2 * size + 2);
    ret->known = true;
    return 0;
}

static int parse_2(const uint8_t *b, size_t n, struct proxy_header *ret)
{
    if (n < HEAD)
        return 0;
    size_t length = (size_t)(b[14] << 8 | b[15]);
    if ((b[12] != LOCAL && b[12] != PROXIED) || HEAD + length > PROXY_HEADER_MAX)
        return -EPROTO;
    if (n < HEAD + length)
        return 0;
    int result = b[12] == PROXIED ? take_addresses(b, length, ret) : 0;
    return result < 0 ? result : (int)(HEAD + length);
}

int proxy_header_parse(const void *bytes, size_t n, struct proxy_header *ret)
{
    static const char word[] = "PROXY ";
    struct proxy_header h = {0};
    size_t n1 = n < sizeof word - 1 ? n : sizeof word - 1;
    size_t n2 = n < sizeof signature ? n : sizeof signature;
    int result = -EPROTO;
    if (memcmp(bytes, word, n1) == 0)
        result = n1 < sizeof word - 1 ? 0 : parse_1(bytes, n, &h);
    else if (memcmp(bytes, signature, n2) == 0)
        result = n2 < sizeof signature ? 0 : parse_2(bytes, n, &h);
    if (result > 0)
        *ret = h;
    return result;
}

/* Writing */

static void format_1(struct buf *out, const struct net_addr *from, uint16_t from_port,
                     const struct net_addr *to, uint16_t to_port)
{
    buf_printf(out, "PROXY TCP%d ", from->family == AF_INET ? 4 : 6);
    net_addr_format(out, from);
    buf_char(out, ' ');
    net_addr_format(out, to);
    buf_printf(out, " %u %u\r\n", from_port, to_port);
}

static void put_16(struct buf *out, unsigned n)
{
    buf_char(out, (char)(n >> 8));
    buf_char(out, (char)n);
}

static void format_2(struct buf *out, bool stream, const struct net_addr *from, uint16_t from_port,
                     const struct net_addr *to, uint16_t to_port)
{
    size_t size = net_addr_length(from);
    buf_char(out, PROXIED);
    buf_char(out, (char)((size == 4 ? 0x10 : 0x20) | (stream ? 1 : 2)));
    put_16(out, size == 4 ? V4 : V6);
    buf_add(out, from->bytes, size);
    buf_add(out, to->bytes, size);
    put_16(out, from_port);
    put_16(out, to_port);
}

/* Both as IPv6 where they aren't of one family. */
static bool take_both(const struct sockaddr_storage *from, const struct sockaddr_storage *to,
                      struct net_addr *a, uint16_t *a_port, struct net_addr *b, uint16_t *b_port)
{
    if (!target_get_ip(from, a, a_port) || !target_get_ip(to, b, b_port))
        return false;
    *a = net_addr_unmap(a);
    *b = net_addr_unmap(b);
    return a->family == b->family;
}

void proxy_header_format(struct buf *out, int version, bool stream,
                         const struct sockaddr_storage *from, const struct sockaddr_storage *to)
{
    struct net_addr a, b;
    uint16_t a_port, b_port;
    bool known = take_both(from, to, &a, &a_port, &b, &b_port);
    if (version == 1) {
        if (known)
            format_1(out, &a, a_port, &b, b_port);
        else
            buf_str(out, "PROXY UNKNOWN\r\n");
        return;
    }
    buf_add(out, signature, sizeof signature);
    if (known) {
        format_2(out, stream, &a, a_port, &b, b_port);
        return;
    }
    buf_char(out, LOCAL);
    buf_char(out, 0);
    put_16(out, 0);
}
