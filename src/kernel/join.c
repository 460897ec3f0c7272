#include "kernel/join.h"

#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/netns.h"
#include "kernel/owners.h"
#include "net/filter.h"

struct device {
    char name[16 + 1];
};

void join_init(struct joiner *j, const struct source_query *q, source_sink *sink, void *ctx)
{
    *j = (struct joiner){
        .query = q,
        .sink = sink,
        .ctx = ctx,
        .completed = VEC_INIT(struct net_owner),
        .devices = VEC_INIT(struct device),
    };
    subflows_init(&j->subflows);
    sockopts_init(&j->sockopts);
    (void)netns_self(&j->netns); /* without /proc it stays 0 */
}

void join_clear(struct joiner *j)
{
    subflows_clear(&j->subflows);
    sockopts_clear(&j->sockopts);
    owners_free(&j->owners);
    vec_free(&j->completed);
    vec_free(&j->devices);
    hash_free(&j->device_index);
}

/* Why no process holds a socket that has no inode, if its way didn't say. */
static enum net_detached classify(const struct net_socket *s)
{
    if (s->inode)
        return NET_DETACHED_UNCLEAR; /* passed over a UNIX socket, held by io_uring, the kernel's */
    switch (s->state) {
    case NET_TIME_WAIT:
        return NET_TIME_WAITING;
    case NET_NEW_SYN_RECV:
    case NET_SYN_RECV:
        return NET_REQUEST;
    case NET_ESTABLISHED:
    case NET_CLOSE_WAIT:
        return s->kind == NET_NETLINK ? NET_OF_KERNEL : NET_IN_QUEUE;
    case NET_FIN_WAIT1:
    case NET_FIN_WAIT2:
    case NET_LAST_ACK:
    case NET_CLOSING:
        return NET_ORPHAN;
    default:
        return NET_OF_KERNEL;
    }
}

/* Owners that came with the row (by BPF) lack what only /proc tells. */
static const struct net_process *complete_process(struct joiner *j, const struct net_process *p)
{
    if (p != j->last.from) {
        j->last.from = p;
        j->last.complete = owners_complete(j->owners, p);
    }
    return j->last.complete;
}

static int complete_owners(struct joiner *j, struct net_socket *s)
{
    j->completed.len = 0;
    for (uint32_t i = 0; i < s->n_owners; i++) {
        struct net_owner owner = s->owners[i];
        if (owner.process)
            owner.process = complete_process(j, owner.process);
        if (vec_add(&j->completed, &owner) < 0)
            return -ENOMEM;
    }
    s->owners = j->completed.items;
    return 0;
}

/* Only what the caller will see is worth a note. */
static bool may_match(const struct joiner *j, const struct net_socket *s)
{
    return !j->query->filter || net_filter_match(j->query->filter, s) != NET_MATCH_NO;
}

/* Port ids of 0 are the kernel's own (netlink(7)). */
static bool is_kernel_netlink(const struct net_socket *s)
{
    return s->kind == NET_NETLINK && net_socket_knows(s, NET_F_LOCAL) && s->local_id == 0;
}

/* What is known without looking for descriptors. */
static int join_sure_owners(struct joiner *j, struct net_socket *s)
{
    if (is_kernel_netlink(s)) {
        s->detached = NET_OF_KERNEL;
        net_socket_set(s, NET_F_OWNERS);
    }
    if (s->kind != NET_TCP || !s->inode)
        return 0;
    j->completed.len = 0;
    int r = subflows_find(&j->subflows, s->inode, &j->completed);
    if (r < 0 || j->completed.len == 0)
        return r;
    s->owners = j->completed.items;
    s->n_owners = (uint32_t)j->completed.len;
    s->detached = NET_ATTACHED;
    net_socket_set(s, NET_F_OWNERS);
    return 0;
}

static int join_owners(struct joiner *j, struct net_socket *s)
{
    if (s->n_owners || net_socket_knows(s, NET_F_OWNERS))
        return s->n_owners ? complete_owners(j, s) : 0;
    int r = join_sure_owners(j, s);
    if (r < 0 || net_socket_knows(s, NET_F_OWNERS))
        return r;
    enum owners_answer answer = owners_find(j->owners, s->inode, &s->owners, &s->n_owners);
    if (answer == OWNERS_NONE && s->inode && owners_may_hide(j->owners))
        answer = OWNERS_HIDDEN;
    switch (answer) {
    case OWNERS_FOUND:
        s->detached = NET_ATTACHED;
        break;
    case OWNERS_NONE:
        if (s->detached == NET_ATTACHED)
            s->detached = classify(s);
        break;
    case OWNERS_HIDDEN:
        net_socket_forbid(s, NET_F_OWNERS);
        j->hidden += may_match(j, s);
        return 0;
    case OWNERS_NO_MEMORY:
        return -ENOMEM;
    }
    net_socket_set(s, NET_F_OWNERS);
    return 0;
}

static void join_options(struct joiner *j, struct net_socket *s)
{
    bool refused;
    if (net_socket_forbids(s, NET_F_OWNERS))
        refused = sockopts_forbid(s);
    else
        sockopts_read(&j->sockopts, s, &refused);
    j->refused += refused && may_match(j, s);
}

/* The name of a device in this namespace or another; "if7" where it can't be found. */
static void name_device(struct joiner *j, const struct net_socket *s, struct device *ret)
{
    struct netns_visit visit = {.home = -1};
    char name[IF_NAMESIZE];
    snprintf(ret->name, sizeof ret->name, "if%u", s->ifindex); /* as ss(8) writes it */
    if (s->netns && s->netns != j->netns) {
        _cleanup_fd_ int fd = netns_open_inode(s->netns, NULL);
        if (fd < 0 || netns_enter(&visit, fd, NULL) < 0)
            return;
    }
    if (if_indextoname(s->ifindex, name))
        snprintf(ret->name, sizeof ret->name, "%s", name);
    (void)netns_leave(&visit, NULL); /* checked at the end of the read */
}

static int join_device(struct joiner *j, struct net_socket *s)
{
    uint64_t netns = s->netns ? s->netns : j->netns;
    uint64_t *index = hash_put(&j->device_index, netns << 32 ^ s->ifindex, NULL);
    if (!index)
        return -ENOMEM;
    if (*index == 0) {
        struct device *d = vec_push(&j->devices);
        if (!d)
            return -ENOMEM;
        name_device(j, s, d);
        *index = j->devices.len;
    }
    const struct device *d = vec_at(&j->devices, *index - 1);
    memcpy(s->device, d->name, sizeof s->device);
    net_socket_set(s, NET_F_DEVICE);
    return 0;
}

/* /proc/net tells neither the device nor v6only, and a listener's reach depends on them. */
static void ask_binding(struct joiner *j, struct net_socket *s)
{
    const uint32_t of_all = SOURCE_DEVICE | SOURCE_OPTIONS;
    if (net_socket_forbids(s, NET_F_DEVICE) &&
        (j->query->detail & of_all || net_socket_is_listener(s)))
        sockopts_read_binding(&j->sockopts, s);
}

/* The socket that sock_diag is asked through, which isn't there before and after. The kernel gives
 * the first of a process its pid as port id (netlink_autobind), and it is the only one. */
static bool is_own_question(const struct net_socket *s)
{
    return s->kind == NET_NETLINK && s->protocol == NETLINK_SOCK_DIAG &&
           s->local_id == (uint32_t)getpid();
}

int join_row(struct joiner *j, const struct net_socket *from)
{
    struct net_socket row = *from;
    int r = 0;
    if (is_own_question(from))
        return 0;
    if (!row.netns && j->netns) {
        row.netns = j->netns;
        net_socket_set(&row, NET_F_NETNS);
    }
    if (j->owners)
        r = join_owners(j, &row);
    if (r == 0)
        ask_binding(j, &row);
    if (r == 0 && row.ifindex && !net_socket_knows(&row, NET_F_DEVICE))
        r = join_device(j, &row);
    if (r < 0)
        return r;
    if (j->query->detail & SOURCE_OPTIONS)
        join_options(j, &row);
    j->told++;
    return j->sink(j->ctx, &row);
}

int join_note_subflows(struct joiner *j, const struct net_socket *s)
{
    struct net_socket copy = *s;
    int r = complete_owners(j, &copy);
    return r < 0 ? r : subflows_note(&j->subflows, s->inode, copy.owners, copy.n_owners);
}

/* n of "owners" or "options", and why. */
static void note_unseen(struct source_report *report, bool permission, const char *what, uint64_t n,
                        const char *why)
{
    source_report_note(report, permission, "%s of %llu %s %s", what, (unsigned long long)n,
                       n == 1 ? "socket" : "sockets", why);
}

void join_report(const struct joiner *j, struct source_report *report)
{
    static const char run_as_root[] = "may not be seen; run as root or with CAP_SYS_PTRACE";
    static const char even_root[] =
        "may not be seen, not even by root here (it takes CAP_SYS_PTRACE over every process)";
    struct owners_blind blind = {0};
    const char *refused = geteuid() == 0 ? even_root : run_as_root;
    if (j->owners)
        owners_blind(j->owners, &blind);
    if (j->hidden && blind.no_proc)
        note_unseen(report, false, "owners", j->hidden, "may not be seen: /proc is not mounted");
    else if (j->hidden && blind.refused)
        note_unseen(report, true, "owners", j->hidden, refused);
    else if (j->hidden && blind.hidepid)
        note_unseen(report, true, "owners", j->hidden,
                    "may not be seen: /proc hides other users' processes (hidepid); run as root");
    else if (j->hidden)
        note_unseen(report, true, "owners", j->hidden, "may be outside this pid namespace");
    if (j->refused)
        note_unseen(report, true, "options", j->refused, refused);
}
