/*
 * KIND VERB [ADDRESS] words…: makes a socket of any kind, in the order that the kernel needs:
 * socket, options, filter, bind, listen or connect.
 */
#include "mksock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static const struct mk_kind kinds[] = {
    {"tcp", "tcp", AF_INET, SOCK_STREAM, IPPROTO_TCP},
    {"mptcp", "mptcp", AF_INET, SOCK_STREAM, IPPROTO_MPTCP},
    {"sctp", "sctp", AF_INET, SOCK_STREAM, IPPROTO_SCTP},
    {"sctp-seqpacket", "sctp", AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP},
    {"udp", "udp", AF_INET, SOCK_DGRAM, IPPROTO_UDP},
    {"udplite", "udplite", AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE},
    {"raw", "raw", AF_INET, SOCK_RAW, 253},
    {"ping", "ping", AF_INET, SOCK_DGRAM, IPPROTO_ICMP},
    {"unix-stream", "unix-stream", AF_UNIX, SOCK_STREAM, 0},
    {"unix-dgram", "unix-dgram", AF_UNIX, SOCK_DGRAM, 0},
    {"unix-seqpacket", "unix-seqpacket", AF_UNIX, SOCK_SEQPACKET, 0},
    {"netlink", "netlink", AF_NETLINK, SOCK_RAW, 0},
    {"packet-raw", "packet", AF_PACKET, SOCK_RAW, 0},
    {"packet-dgram", "packet", AF_PACKET, SOCK_DGRAM, 0},
    {"vsock-stream", "vsock", AF_VSOCK, SOCK_STREAM, 0},
    {"vsock-dgram", "vsock", AF_VSOCK, SOCK_DGRAM, 0},
    {"vsock-seqpacket", "vsock", AF_VSOCK, SOCK_SEQPACKET, 0},
    {"tipc-stream", "tipc", AF_TIPC, SOCK_STREAM, 0},
    {"tipc-dgram", "tipc", AF_TIPC, SOCK_DGRAM, 0},
    {"tipc-rdm", "tipc", AF_TIPC, SOCK_RDM, 0},
    {"tipc-seqpacket", "tipc", AF_TIPC, SOCK_SEQPACKET, 0},
    {"xdp", "xdp", AF_XDP, SOCK_RAW, 0},
};

const struct mk_kind *mk_kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (!strcmp(kinds[i].name, name))
            return &kinds[i];
    return NULL;
}

/* All that one line asks for. */
struct plan {
    const struct mk_kind *kind;
    const char *name;
    struct mk_addr addr, from;
    struct mk_sock *target; /* @NAME: the listener to connect to or accept from */
    struct mk_wishes wishes;
    const char *mute;
    const char *subject; /* the address word as written */
    long count, backlog, protocol, uid, data, groups;
    bool six, nowait;
};

static int fail(struct mk *mk, const char *call)
{
    return mk_fail(mk, call, errno);
}

static int plan_domain(const struct plan *plan)
{
    bool six = plan->six || (plan->addr.len && plan->addr.sa.sa_family == AF_INET6);
    return plan->kind->domain == AF_INET && six ? AF_INET6 : plan->kind->domain;
}

static int plan_protocol(const struct plan *plan)
{
    if (plan->kind->domain == AF_NETLINK)
        return mk_netlink_protocol(plan->subject);
    if (plan->kind->domain == AF_PACKET)
        return htons((uint16_t)plan->protocol);
    if (plan->kind->protocol == IPPROTO_ICMP && plan_domain(plan) == AF_INET6)
        return IPPROTO_ICMPV6;
    return plan->protocol >= 0 ? (int)plan->protocol : plan->kind->protocol;
}

/* The inode and the sock belong to the fsuid of the moment: socket owners without other processes.
 */
static int socket_as(const struct plan *plan, int *ret_fd)
{
    if (plan->uid >= 0)
        setfsuid((uid_t)plan->uid);
    *ret_fd = socket(plan_domain(plan), plan->kind->type | SOCK_CLOEXEC, plan_protocol(plan));
    int error = errno;
    if (plan->uid >= 0)
        setfsuid(geteuid());
    return *ret_fd < 0 ? -error : 0;
}

static struct mk_sock *plan_socket(struct mk *mk, const struct plan *plan, const char *name)
{
    int fd;
    int r = socket_as(plan, &fd);
    if (r < 0) {
        mk_fail(mk, "socket", -r);
        return NULL;
    }
    struct mk_sock *sock = mk_sock_new(mk, plan->kind, name, fd);
    sock->domain = plan_domain(plan);
    if (plan->kind->domain == AF_NETLINK)
        snprintf(sock->note, sizeof(sock->note), "%s", plan->subject);
    if (mk_options_apply(mk, sock, &plan->wishes) < 0)
        return NULL;
    r = plan->mute ? mk_mute_fd(fd, plan->mute) : 0;
    if (r < 0) {
        mk_fail(mk, "mute", -r);
        return NULL;
    }
    return sock;
}

static int sock_bind(struct mk *mk, struct mk_sock *sock, const struct plan *plan,
                     const struct mk_addr *addr)
{
    struct mk_addr copy = *addr;
    struct sockaddr_ll *ll = (struct sockaddr_ll *)&copy.ss;

    if (sock->domain == AF_NETLINK) /* here, as bind forgets groups that were joined before */
        ((struct sockaddr_nl *)&copy.ss)->nl_groups = (uint32_t)plan->groups;
    if (sock->domain == AF_PACKET)
        ll->sll_protocol = htons((uint16_t)plan->protocol);
    if (sock->domain == AF_XDP) {
        int r = mk_xdp_bind(sock->fd, addr);
        return r < 0 ? mk_fail(mk, "bind", -r) : 0;
    }
    return bind(sock->fd, &copy.sa, copy.len) < 0 ? fail(mk, "bind") : 0;
}

static int do_socket(struct mk *mk, const struct plan *plan, const char *name)
{
    return plan_socket(mk, plan, name) ? 0 : -1;
}

static int do_bind(struct mk *mk, const struct plan *plan, const char *name)
{
    struct mk_sock *sock = plan_socket(mk, plan, name);
    return sock ? sock_bind(mk, sock, plan, &plan->addr) : -1;
}

static int do_listen(struct mk *mk, const struct plan *plan, const char *name)
{
    struct mk_sock *sock = plan_socket(mk, plan, name);
    if (!sock || sock_bind(mk, sock, plan, &plan->addr) < 0)
        return -1;
    return listen(sock->fd, (int)plan->backlog) < 0 ? fail(mk, "listen") : 0;
}

static int wait_for(int fd, short events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    int r = poll(&poll_fd, 1, MK_WAIT_MS);
    return r > 0 ? 0 : r == 0 ? -ETIMEDOUT : -errno;
}

static int connect_wait(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);
    int r = wait_for(fd, POLLOUT);
    if (r < 0)
        return r;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return -error;
}

/* data=N: N bytes in the SYN, which is TCP Fast Open */
static int connect_start(int fd, const struct plan *plan)
{
    static const char zeros[1000];
    size_t n = plan->data < (long)sizeof(zeros) ? (size_t)plan->data : sizeof(zeros);

    ssize_t r = plan->data > 0 ? sendto(fd, zeros, n, MSG_FASTOPEN, &plan->addr.sa, plan->addr.len)
                               : connect(fd, &plan->addr.sa, plan->addr.len);
    return r < 0 ? -errno : 0;
}

static int do_connect(struct mk *mk, const struct plan *plan, const char *name)
{
    struct mk_sock *sock = plan_socket(mk, plan, name);
    if (!sock || (plan->from.len && sock_bind(mk, sock, plan, &plan->from) < 0))
        return -1;
    sock->listener = plan->target;
    sock->peer = plan->addr;
    fcntl(sock->fd, F_SETFL, O_NONBLOCK);
    int r = connect_start(sock->fd, plan);
    if (r == -EINPROGRESS)
        r = plan->nowait ? 0 : connect_wait(sock->fd);
    return r < 0 ? mk_fail(mk, "connect", -r) : 0;
}

/* The client of an accepted connection: by address; UNIX clients have none, they queue in order. */
static void link_client(struct mk *mk, struct mk_sock *sock)
{
    for (size_t i = 0; i < mk->n_socks; i++) {
        struct mk_sock *client = mk->socks[i];
        if (client == sock || client->listener != sock->listener ||
            (client->other && client->other->owners))
            continue;
        mk_sock_refresh(mk, client);
        if (sock->domain != AF_UNIX && !mk_addr_equal(&client->local, &sock->peer))
            continue;
        client->other = sock;
        sock->other = client;
        client->dirty = true;
        return;
    }
}

static int do_accept(struct mk *mk, const struct plan *plan, const char *name)
{
    int r = wait_for(plan->target->fd, POLLIN);
    if (r < 0)
        return mk_fail(mk, "accept", -r);
    int fd = accept4(plan->target->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return fail(mk, "accept");
    struct mk_sock *sock = mk_sock_new(mk, plan->kind, name, fd);
    sock->domain = plan->target->domain;
    sock->listener = plan->target;
    plan->target->dirty = true;
    mk_sock_refresh(mk, sock);
    link_client(mk, sock);
    return mk_options_apply(mk, sock, &plan->wishes);
}

/* NAME and NAME.peer */
static int do_pair(struct mk *mk, const struct plan *plan, const char *name)
{
    int fds[2];
    char peer[64];

    if (socketpair(plan->kind->domain, plan->kind->type | SOCK_CLOEXEC, 0, fds) < 0)
        return fail(mk, "socketpair");
    struct mk_sock *first = mk_sock_new(mk, plan->kind, name, fds[0]);
    snprintf(peer, sizeof(peer), "%.50s.peer", first->name);
    struct mk_sock *second = mk_sock_new(mk, plan->kind, peer, fds[1]);
    first->other = second;
    second->other = first;
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    return mk_options_apply(mk, first, &plan->wishes);
}

enum subject { SUBJECT_NONE, SUBJECT_ADDRESS, SUBJECT_EITHER, SUBJECT_NAME };

static const struct verb {
    const char *name;
    enum subject subject;
    int (*run)(struct mk *mk, const struct plan *plan, const char *name);
} verbs[] = {
    {"socket", SUBJECT_NONE, do_socket},    {"bind", SUBJECT_ADDRESS, do_bind},
    {"listen", SUBJECT_ADDRESS, do_listen}, {"connect", SUBJECT_EITHER, do_connect},
    {"accept", SUBJECT_NAME, do_accept},    {"pair", SUBJECT_NONE, do_pair},
};

static const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (!strcmp(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

static int parse_target(struct mk *mk, const char *word, struct plan *plan)
{
    plan->target = mk_sock_find(mk, word);
    if (!plan->target || plan->target->fd < 0)
        return mk_usage(mk, "no socket here called", word);
    mk_sock_refresh(mk, plan->target);
    plan->addr = plan->target->local;
    mk_addr_connectable(&plan->addr);
    plan->target->dirty = true; /* its accept queue changes */
    return 0;
}

static int parse_subject(struct mk *mk, const struct verb *verb, struct mk_line *line,
                         struct plan *plan)
{
    /* netlink's protocol stands where an address does, also for a socket without one */
    bool wanted = verb->subject != SUBJECT_NONE || plan->kind->domain == AF_NETLINK;
    if (!wanted)
        return 0;
    if (line->n < 3)
        return mk_usage(mk, "an address is missing after", verb->name);
    const char *word = line->words[2];
    line->used[2] = true;
    plan->subject = word;
    if (verb->subject == SUBJECT_NAME ||
        (verb->subject == SUBJECT_EITHER && word[0] == '@' && mk_sock_find(mk, word)))
        return parse_target(mk, word, plan);
    int r = mk_addr_parse(plan->kind, word, &plan->addr);
    return r < 0 ? mk_fail(mk, "address", -r) : 0;
}

static int parse_from(struct mk *mk, struct mk_line *line, struct plan *plan)
{
    const char *from = mk_value(line, "from");
    int r = from ? mk_addr_parse(plan->kind, from, &plan->from) : 0;
    return r < 0 ? mk_fail(mk, "address", -r) : 0;
}

static int plan_parse(struct mk *mk, const struct verb *verb, struct mk_line *line,
                      struct plan *plan)
{
    /* ETH_P_ALL for packet sockets; -1 leaves the kind's own */
    long protocol = plan->kind->domain == AF_PACKET ? 3 : -1;

    plan->name = mk_value(line, "as");
    plan->mute = mk_value(line, "mute");
    plan->six = mk_flag(line, "inet6");
    plan->nowait = mk_flag(line, "nowait");
    if (parse_subject(mk, verb, line, plan) < 0 || parse_from(mk, line, plan) < 0 ||
        mk_number(mk, line, "count", 1, &plan->count) < 0 ||
        mk_number(mk, line, "backlog", 128, &plan->backlog) < 0 ||
        mk_number(mk, line, "protocol", protocol, &plan->protocol) < 0 ||
        mk_number(mk, line, "uid", -1, &plan->uid) < 0 ||
        mk_number(mk, line, "data", 0, &plan->data) < 0 ||
        mk_number(mk, line, "groups", 0, &plan->groups) < 0 ||
        mk_options_parse(mk, line, &plan->wishes) < 0)
        return -1;
    return mk_check_used(mk, line);
}

/* A socket that could not be made as asked is not left half made. */
static int verb_run(struct mk *mk, const struct verb *verb, const struct plan *plan,
                    const char *name)
{
    size_t before = mk->n_socks;
    int r = verb->run(mk, plan, name);
    if (r < 0)
        mk_socks_forget(mk, before);
    return r;
}

int mk_do_open(struct mk *mk, const struct mk_kind *kind, struct mk_line *line)
{
    struct plan plan = {.kind = kind};
    char numbered[96];

    const struct verb *verb = line->n > 1 ? verb_find(line->words[1]) : NULL;
    if (!verb)
        return mk_usage(mk, "unknown verb", line->n > 1 ? line->words[1] : "");
    line->used[1] = true;
    if (plan_parse(mk, verb, line, &plan) < 0)
        return -1;
    if (plan.count == 1)
        return verb_run(mk, verb, &plan, plan.name);
    for (long i = 1; i <= plan.count; i++) {
        snprintf(numbered, sizeof(numbered), "%.64s.%ld", plan.name ? plan.name : kind->name, i);
        if (verb_run(mk, verb, &plan, numbered) < 0)
            return -1;
    }
    return 0;
}
