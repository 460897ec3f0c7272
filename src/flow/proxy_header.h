/* The PROXY protocol: a header before a connection's own bytes, by which a proxy tells whose
 * connection it was. Versions 1 (a line) and 2 (binary), as in haproxy's doc/proxy-protocol.txt.
 *
 * Pure. What comes from a peer is read strictly: what isn't exactly a header is none.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct buf;

/* Longer headers of version 2 (their extensions are not looked at) aren't taken. */
enum { PROXY_HEADER_MAX = 4096 };

struct proxy_header {
    bool known; /* false: "UNKNOWN", LOCAL: the connection's own addresses count */
    struct sockaddr_storage from, to;
    socklen_t from_n, to_n;
};

/* The length of the header at the front of n bytes, 0 when more has to come to tell, or -EPROTO. */
int proxy_header_parse(const void *bytes, size_t n, struct proxy_header *ret);
/* version 1 or 2. Of addresses that aren't IP, or not both of one family, a header that says that
 * nothing is known. stream: of TCP, else UDP (version 2 only). */
void proxy_header_format(struct buf *out, int version, bool stream,
                         const struct sockaddr_storage *from, const struct sockaddr_storage *to);
