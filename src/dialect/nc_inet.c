/* nc over IPv4 and IPv6: the addresses of a name one after the other, in the resolver's order. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dialect/nc.h"

/* One socket's options in nc's order, and where their values lie. */
struct options {
    struct plain_option all[NC_OPTIONS_MAX];
    const char *names[NC_OPTIONS_MAX]; /* as messages have them; NULL: the errno stands alone */
    size_t n;
    int on;
    struct tcp_md5sig md5;
};

static void add(struct options *o, const char *words, int level, int name, const void *value,
                size_t size)
{
    o->names[o->n] = words;
    o->all[o->n++] = (struct plain_option){level, name, value, (socklen_t)size};
}

static void add_int(struct options *o, const char *words, int level, int name, const int *value)
{
    if (*value >= 0)
        add(o, words, level, name, value, sizeof(*value));
}

/* The key is for every peer: a prefix of no bits (TCP_MD5SIG_EXT of linux/tcp.h), since a listener
 * doesn't know who will come. */
static void add_md5(struct options *o, const struct nc *n, const struct addrinfo *peer)
{
    size_t key = strlen(n->md5_key);

    o->md5 = (struct tcp_md5sig){.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX};
    memcpy(&o->md5.tcpm_addr, peer->ai_addr, peer->ai_addrlen);
    o->md5.tcpm_keylen = (uint16_t)(key < TCP_MD5SIG_MAXKEYLEN ? key : TCP_MD5SIG_MAXKEYLEN);
    memcpy(o->md5.tcpm_key, n->md5_key, o->md5.tcpm_keylen);
    add(o, NULL, IPPROTO_TCP, TCP_MD5SIG_EXT, &o->md5, sizeof(o->md5));
}

static void set_options(struct options *o, const struct nc *n, const struct addrinfo *a)
{
    bool v6 = a->ai_family == AF_INET6;
    int ip = v6 ? IPPROTO_IPV6 : IPPROTO_IP;

    o->on = 1;
    if (n->broadcast)
        add_int(o, NULL, SOL_SOCKET, SO_BROADCAST, &o->on);
    if (n->md5_key)
        add_md5(o, n, a);
    if (n->debug)
        add_int(o, NULL, SOL_SOCKET, SO_DEBUG, &o->on);
    add_int(o, v6 ? "set IPv6 traffic class" : "set IP ToS", ip, v6 ? IPV6_TCLASS : IP_TOS,
            &n->tos);
    add_int(o, "set TCP receive buffer size", SOL_SOCKET, SO_RCVBUF, &n->rcvbuf);
    add_int(o, "set TCP send buffer size", SOL_SOCKET, SO_SNDBUF, &n->sndbuf);
    add_int(o, v6 ? "set IPv6 unicast hops" : "set IP TTL", ip, v6 ? IPV6_UNICAST_HOPS : IP_TTL,
            &n->ttl);
    add_int(o, v6 ? "set IPv6 min hop count" : "set IP min TTL", ip,
            v6 ? IPV6_MINHOPCOUNT : IP_MINTTL, &n->min_ttl);
}

/* -n is for the names of others: a source may be a name all the same. */
static int numeric_flag(const struct nc *n)
{
    return n->numeric ? AI_NUMERICHOST : 0;
}

static struct addrinfo hints(const struct nc *n, int family, int flags)
{
    return (struct addrinfo){
        .ai_family = family,
        .ai_socktype = n->udp    ? SOCK_DGRAM
                       : n->dccp ? SOCK_DCCP
                                 : SOCK_STREAM,
        .ai_protocol = n->udp    ? IPPROTO_UDP
                       : n->dccp ? IPPROTO_DCCP
                                 : IPPROTO_TCP,
        .ai_flags = flags,
    };
}

static const char *fault_words(int r)
{
    return r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r);
}

static struct addrinfo *own_address(const struct nc *n, const char *host, const char *port,
                                    int family, int flags)
{
    struct addrinfo *found, want = hints(n, family, AI_PASSIVE | flags);
    int r = getaddrinfo(host, port, &want, &found);

    if (r)
        nc_die("getaddrinfo: %s", fault_words(r));
    return found;
}

static struct plain_socket socket_of(const struct addrinfo *a, const struct options *o)
{
    return (struct plain_socket){
        .family = a->ai_family,
        .type = a->ai_socktype,
        .protocol = a->ai_protocol,
        .address = a->ai_addr,
        .address_n = a->ai_addrlen,
        .options = o->all,
        .n_options = o->n,
    };
}

static void tell_listening(const struct nc *n, int fd)
{
    struct sockaddr_storage own;
    socklen_t size = sizeof(own);

    if (getsockname(fd, (struct sockaddr *)&own, &size) < 0)
        nc_die("getsockname: %s", strerror(errno));
    nc_tell_address(n, n->udp ? "Bound on" : "Listening on", (struct sockaddr *)&own, size);
}

/* Some calls fail for good; with the others the next address may fare better. */
static void die_of(const struct options *o, const struct plain_failure *f, int error, bool client)
{
    if (f->step == PLAIN_OPTION && o->names[f->option])
        nc_die("%s: %s", o->names[f->option], strerror(error));
    if (f->step == PLAIN_OPTION)
        nc_die("%s", strerror(error));
    if (f->step == PLAIN_BIND && client)
        nc_die("bind failed: %s", strerror(error));
    if (f->step == PLAIN_LISTEN)
        nc_die("listen: %s", strerror(error));
}

static int listen_at(const struct nc *n, const struct addrinfo *a)
{
    struct options o = {.on = 1};
    struct plain_failure f;

    add_int(&o, "Couldn't set SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, &o.on);
    add_int(&o, "Couldn't set SO_REUSEPORT", SOL_SOCKET, SO_REUSEPORT, &o.on);
    set_options(&o, n, a);
    struct plain_socket s = socket_of(a, &o);
    int fd = plain_listen(&s, n->udp ? 0 : 1, &f);
    if (fd < 0)
        die_of(&o, &f, -fd, false);
    return fd;
}

int nc_listen_inet(const struct nc *n)
{
    int family = !n->host && n->family == AF_UNSPEC ? AF_INET : n->family;
    struct addrinfo *all = own_address(n, n->host, n->ports[0], family, numeric_flag(n));
    int fd = -1;

    for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next)
        fd = listen_at(n, a);
    freeaddrinfo(all);
    if (fd < 0)
        nc_die("%s", strerror(-fd));
    if (n->verbose)
        tell_listening(n, fd);
    return fd;
}

static void tell_failed(const struct nc *n, const char *host, const char *port, const char *numeric,
                        int error)
{
    bool named = !n->numeric && strcmp(host, numeric) != 0;

    if (n->verbose)
        nc_warn("connect to %s%s%s%s port %s (%s) %s: %s", host, named ? " (" : "",
                named ? numeric : "", named ? ")" : "", port, n->udp ? "udp" : "tcp",
                error == EINPROGRESS ? "timed out" : "failed", strerror(error));
}

static int connect_one(const struct nc *n, const struct addrinfo *a, struct plain_failure *f)
{
    struct options o = {.on = 1};
    struct addrinfo *own = NULL;

    if (n->source || n->source_port)
        own = own_address(n, n->source, n->source_port, a->ai_family, 0);
    struct plain_source source = {own ? own->ai_addr : NULL, own ? own->ai_addrlen : 0};
    set_options(&o, n, a);
    struct plain_socket s = socket_of(a, &o);
    int timeout_ms = n->timeout_ms > 0 ? n->timeout_ms : -1; /* -w 0 limits but what comes after */
    int fd = plain_connect(&s, own ? &source : NULL, timeout_ms, f);
    if (own)
        freeaddrinfo(own);
    if (fd < 0)
        die_of(&o, f, -fd, true);
    return fd;
}

int nc_connect_inet(const struct nc *n, const char *host, const char *port, char numeric[static 64])
{
    struct addrinfo *all, want = hints(n, n->family, numeric_flag(n));
    int r = getaddrinfo(host, port, &want, &all);
    int fd = -1;

    if (r)
        nc_die("getaddrinfo for host \"%s\" port %s: %s", host, port, fault_words(r));
    for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next) {
        if (getnameinfo(a->ai_addr, a->ai_addrlen, numeric, 64, NULL, 0, NI_NUMERICHOST))
            numeric[0] = '\0';
        struct plain_failure f;
        fd = connect_one(n, a, &f);
        if (fd < 0 && f.step == PLAIN_CONNECT)
            tell_failed(n, host, port, numeric, -fd);
    }
    freeaddrinfo(all);
    return fd < 0 ? -1 : fd;
}

/* A datagram that nobody takes comes back as a refusal at a later write, so some are sent, with a
 * second between them. */
bool nc_probe_udp(const struct nc *n, int fd)
{
    int seconds = n->timeout_ms < 0 ? 3 : n->timeout_ms / 1000;

    for (int i = -1; i <= seconds; i++) {
        if (i > 0)
            clock_nanosleep(CLOCK_REALTIME, 0, &(struct timespec){.tv_sec = 1}, NULL);
        if (write(fd, "X", 1) != 1)
            return false;
    }
    return true;
}
