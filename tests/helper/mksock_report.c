/*
 * One JSON line a socket. Strings are bytes: each byte outside of printable ASCII is written as
 * \u00NN, so that a reader gets every byte back as one character.
 */
#include "mksock.h"

#include <inttypes.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void mk_print_string(const char *text, size_t n)
{
    putchar('"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20 || c > 0x7e)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void print_owners(const struct mk_sock *sock)
{
    char comm[32], path[64];

    printf(",\"owners\":[");
    for (const struct mk_owner *owner = sock->owners; owner; owner = owner->next) {
        snprintf(path, sizeof(path), "/proc/%d/comm", (int)owner->pid);
        FILE *file = fopen(path, "re");
        size_t n = file ? fread(comm, 1, sizeof(comm), file) : 0;
        if (file)
            fclose(file);
        printf("%s{\"pid\":%d,\"fd\":%d,\"comm\":", owner == sock->owners ? "" : ",",
               (int)owner->pid, owner->fd);
        mk_print_string(comm, n ? n - 1 : 0); /* without the newline at the end */
        putchar('}');
    }
    putchar(']');
}

static void print_queue(const char *key, bool known, int value)
{
    if (known)
        printf(",\"%s\":%d", key, value);
    else
        printf(",\"%s\":null", key);
}

/* tcp_ioctl() says 0 of a socket in a handshake, whatever Fast Open has put there. */
static bool queues_askable(const struct mk_sock *sock)
{
    return sock->fd >= 0 && sock->kind->type == SOCK_STREAM && sock->state &&
           strcmp(sock->state, "SYN_SENT") != 0 && strcmp(sock->state, "SYN_RECV") != 0;
}

/*
 * Bytes for a stream, connections for a TCP listener (tcp_get_info puts the accept queue into
 * unacked and the backlog into sacked); of others there is no way to ask that isn't sock_diag.
 */
static void print_queues(const struct mk_sock *sock)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    int in = 0, out = 0;
    bool known = false;

    if (queues_askable(sock)) {
        if (strcmp(sock->state, "LISTEN")) {
            known = !ioctl(sock->fd, SIOCINQ, &in) && !ioctl(sock->fd, SIOCOUTQ, &out);
        } else if (sock->kind->protocol == IPPROTO_TCP) {
            known = !getsockopt(sock->fd, IPPROTO_TCP, TCP_INFO, &info, &len);
            in = (int)info.tcpi_unacked;
            out = (int)info.tcpi_sacked;
        }
    }
    print_queue("recv_q", known, in);
    print_queue("send_q", known, out);
}

static const char *family_name(int domain)
{
    switch (domain) {
    case AF_INET:
        return "inet";
    case AF_INET6:
        return "inet6";
    case AF_UNIX:
        return "unix";
    case AF_NETLINK:
        return "netlink";
    case AF_PACKET:
        return "packet";
    case AF_VSOCK:
        return "vsock";
    case AF_TIPC:
        return "tipc";
    case AF_XDP:
        return "xdp";
    default:
        return "other";
    }
}

static void print_name(const char *key, const char *text)
{
    printf(",\"%s\":", key);
    if (text)
        mk_print_string(text, strlen(text));
    else
        printf("null");
}

static void print_sock(const struct mk_sock *sock)
{
    printf("{\"name\":");
    mk_print_string(sock->name, strlen(sock->name));
    print_name("proto", sock->kind->proto);
    print_name("family", family_name(sock->domain));
    print_name("state", sock->state);
    printf(",\"local\":");
    mk_addr_print(sock, &sock->local);
    printf(",\"peer\":");
    mk_addr_print(sock, &sock->peer);
    printf(",\"inode\":%" PRIu64 ",\"cookie\":%" PRIu64 ",\"netns\":%" PRIu64 ",\"uid\":%u",
           sock->inode, sock->cookie, sock->netns, (unsigned)sock->uid);
    print_queue("pid", sock->owners, sock->owners ? (int)sock->owners->pid : 0);
    print_queue("fd", sock->owners, sock->owners ? sock->owners->fd : 0);
    print_owners(sock);
    print_queues(sock);
    print_name("listener", sock->listener ? sock->listener->name : NULL);
    print_name("other", sock->other ? sock->other->name : NULL);
    printf(",\"options\":{");
    mk_options_print(sock);
    printf("}}\n");
}

void mk_report(struct mk *mk)
{
    for (size_t i = 0; i < mk->n_socks; i++) {
        if (!mk->socks[i]->dirty)
            continue;
        mk_sock_refresh(mk, mk->socks[i]);
        print_sock(mk->socks[i]);
        mk->socks[i]->dirty = false;
    }
}

/* show, show @NAME …: report again as they are now */
int mk_do_show(struct mk *mk, struct mk_line *line)
{
    for (size_t i = 0; line->n == 1 && i < mk->n_socks; i++)
        mk->socks[i]->dirty = true;
    for (size_t i = 1; i < line->n; i++) {
        struct mk_sock *sock = mk_sock_find(mk, line->words[i]);
        if (!sock)
            return mk_usage(mk, "no socket called", line->words[i]);
        sock->dirty = true;
    }
    return 0;
}
