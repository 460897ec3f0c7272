#include "cmd/explain_words.h"

#include <assert.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "names/users.h"
#include "net/state.h"

enum { NS_PER_MS = 1000000 };

static void put(struct buf *out, const char *text)
{
    text_escape(out, text, strlen(text));
}

/* Sockets */

static const char *const nobody[] = {
    [NET_ATTACHED] = "a process",
    [NET_TIME_WAITING] = "no process any more",
    [NET_REQUEST] = "no process yet",
    [NET_IN_QUEUE] = "no process yet",
    [NET_ORPHAN] = "no process any more",
    [NET_OF_KERNEL] = "the kernel itself",
    [NET_DETACHED_UNCLEAR] = "a process that isn't known",
};

/* sock_diag tells everybody who made a socket, and /proc not who holds it. Another host's users are
 * numbers here, but for root. */
static void put_hidden(struct buf *out, const struct explain_host *h, const struct net_socket *s)
{
    _cleanup_users_ struct users users = {0};
    buf_str(out, nobody[s->detached]);
    if (s->detached != NET_ATTACHED)
        return;
    if (net_socket_knows(s, NET_F_UID)) {
        const char *name = h->reader || s->uid == 0 ? users_name(&users, (uint32_t)s->uid) : NULL;
        buf_str(out, " of ");
        if (name)
            put(out, name);
        else
            buf_printf(out, "uid %u", (uint32_t)s->uid);
    }
    buf_str(out, " that may not be seen");
}

void explain_put_owner(struct buf *out, struct explain_host *h, const struct net_socket *s)
{
    explain_host_find_owner(h, s);
    if (s->n_owners == 0) {
        put_hidden(out, h, s);
        return;
    }
    const struct net_owner *first = &s->owners[0];
    if (first->process && first->process->comm[0])
        put(out, first->process->comm);
    else
        buf_str(out, "process ");
    buf_printf(out, "[%d]", first->pid);
    if (first->process && first->process->user) {
        buf_str(out, " of ");
        put(out, first->process->user);
    }
    for (uint32_t i = 1; i < s->n_owners; i++)
        if (s->owners[i].pid != first->pid) {
            buf_str(out, " and others");
            return;
        }
}

void explain_put_waiting(struct buf *out, uint64_t n)
{
    buf_u64(out, n);
    buf_str(out, n == 1 ? " connection waits" : " connections wait");
}

static void put_end(struct buf *out, const struct net_socket *s, enum net_end end)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1024);
    net_socket_format_end(&text, s, end);
    text_escape(out, text.data, text.len);
}

static void put_time_left(struct buf *out, const struct net_socket *s)
{
    if (!net_socket_knows(s, NET_F_TIMER_MS) || s->timer_ms == 0)
        return;
    buf_str(out, ", ");
    time_format_duration(out, s->timer_ms * NS_PER_MS);
    buf_str(out, " left");
}

static void put_connection(struct buf *out, const struct net_socket *s, const char *has)
{
    buf_str(out, has);
    put_end(out, s, NET_END_LOCAL);
    if (s->peer_port) {
        buf_str(out, " to ");
        put_end(out, s, NET_END_PEER);
    }
    buf_printf(out, " (%s)", net_state_name(s->state));
}

/* The socket with the name of the device that its address is of: fe80::1%eth0. */
static struct net_socket with_scope_named(const struct explain_host *h, const struct net_socket *s)
{
    struct net_socket named = *s;
    if (s->local.scope && !s->device[0]) {
        named.ifindex = s->local.scope;
        snprintf(named.device, sizeof named.device, "%s",
                 explain_host_device_name(h, s->local.scope));
    }
    return named;
}

void explain_put_socket(struct buf *out, struct explain_host *h, const struct net_socket *s)
{
    explain_host_find_owner(h, s);
    explain_put_owner(out, h, s);
    const struct net_socket named = with_scope_named(h, s);
    if (s->detached == NET_TIME_WAITING || s->state == NET_TIME_WAIT) {
        put_connection(out, &named, ": what remains of a closed connection from ");
        put_time_left(out, s);
    } else if (s->detached == NET_ORPHAN) {
        put_connection(out, &named, ": its program has closed the connection from ");
        put_time_left(out, s);
    } else if (s->detached == NET_IN_QUEUE) {
        put_connection(out, &named, ": nobody has accepted the connection from ");
    } else if (s->state == NET_LISTEN) {
        buf_str(out, " listens on ");
        put_end(out, &named, NET_END_LOCAL);
    } else if (s->peer_port) {
        put_connection(out, &named, " has it for a connection from ");
    } else if (s->kind == NET_TCP) {
        buf_str(out, " has bound ");
        put_end(out, &named, NET_END_LOCAL);
        buf_str(out, ", and neither listens nor is connected");
    } else {
        buf_str(out, " receives at ");
        put_end(out, &named, NET_END_LOCAL);
    }
    if (s->ifindex && net_socket_knows(s, NET_F_DEVICE)) {
        buf_str(out, " through ");
        put(out, s->device);
    }
}

void explain_put_overlap(struct buf *out, const struct predict_candidate *c,
                         const struct net_socket *s)
{
    struct net_addr mine = net_addr_unmap(&c->addr), theirs = net_addr_unmap(&s->local);
    bool all_theirs = net_addr_is_wildcard(&s->local), all_mine = net_addr_is_wildcard(&c->addr);
    if (mine.family == theirs.family && memcmp(mine.bytes, theirs.bytes, 16) == 0)
        return;
    _cleanup_buf_ struct buf address = BUF_INIT(128);
    net_addr_format(&address, all_theirs ? &c->addr : &s->local);
    if (all_theirs && all_mine)
        buf_str(out, "; [::] takes IPv4 too unless it is v6only, so that the two overlap");
    else if (all_theirs)
        buf_printf(out, "; that is every address, %s too", buf_cstr(&address));
    else if (all_mine)
        buf_printf(out, "; every address is %s too", buf_cstr(&address));
}

/* Rules */

struct rule_words {
    const char *name, *sentence;
    const char *unsure; /* where the other side's options aren't known, and before why; NULL: the
                         * same */
};

static const struct rule_words rules[] = {
    [RULE_NONE] = {"none", ""},
    [RULE_NO_IPV6] = {"no-ipv6", "this kernel has no IPv6"},
    [RULE_NOT_HERE] = {"not-here", "no interface of this host has that address"},
    [RULE_TENTATIVE] = {"tentative", "the address is not in use yet: the kernel still checks that "
                                     "nobody else on the link has it, or found that one does"},
    [RULE_DOWN] = {"down", "the interface that has the address is down"},
    [RULE_OTHER_DEVICE] = {"other-device", "the address is on another device"},
    [RULE_NO_SCOPE] = {"no-scope", "an address of the link needs to be told the link"},
    [RULE_NO_DEVICE] = {"no-device", "there is no such device"},
    [RULE_MULTICAST] = {"multicast", "a stream socket can't have a multicast address"},
    [RULE_MAPPED_V6ONLY] = {"mapped-v6only", "the socket takes IPv6 only, and this is an IPv4 "
                                             "address"},
    [RULE_PRIVILEGED] = {"privileged", "the port is privileged, and CAP_NET_BIND_SERVICE is "
                                       "missing"},
    [RULE_TRANSPARENT] = {"transparent", "IP_TRANSPARENT takes CAP_NET_RAW or CAP_NET_ADMIN, and "
                                         "both are missing"},
    [RULE_TAKEN] = {"taken", "neither side asked to share the port"},
    [RULE_LISTENER] = {"listener", "SO_REUSEADDR shares a port, but with no listener"},
    [RULE_OWNER_CLOSED] = {"owner-no-reuseaddr",
                           "SO_REUSEADDR shares a port only where both sides set it, and this one "
                           "hasn't",
                           "SO_REUSEADDR shares a port only where both sides set it, and whether "
                           "this one has"},
    [RULE_OTHER_USER] = {"other-user", "SO_REUSEPORT shares a port within one user only"},
    [RULE_OWNER_NO_REUSEPORT] = {"owner-no-reuseport",
                                 "SO_REUSEPORT shares a port only where every "
                                 "side sets it, and this one hasn't",
                                 "SO_REUSEPORT shares a port only where every side sets it, and "
                                 "whether this one has"},
    [RULE_WANTS_REUSEADDR] = {"wants-reuseaddr", "it would share the port with who sets "
                                                 "SO_REUSEADDR too"},
    [RULE_WANTS_REUSEPORT] = {"wants-reuseport", "it would share the port with who sets "
                                                 "SO_REUSEPORT too"},
    [RULE_RANGE_TAKEN] = {"range-taken", "every port of ip_local_port_range is taken"},
};
static_assert(sizeof rules / sizeof *rules == RULES, "words for every rule");

const char *explain_rule(enum predict_rule rule)
{
    return rules[rule].sentence;
}

void explain_put_rule_unsure(struct buf *out, enum predict_rule rule, const char *why)
{
    if (rules[rule].unsure)
        buf_printf(out, "%s %s", rules[rule].unsure, why);
    else
        buf_str(out, rules[rule].sentence);
}

const char *explain_rule_name(enum predict_rule rule)
{
    return rules[rule].name;
}

static const struct rule_words losses[] = {
    [LOSS_FAMILY] = {"family", "it is for IPv4"},
    [LOSS_V6ONLY] = {"v6only", "it takes IPv6 only"},
    [LOSS_ADDRESS] = {"address", "it has another address"},
    [LOSS_DEVICE] = {"device", "it is bound to another device"},
    [LOSS_PEER] = {"peer", "it is connected to another peer"},
    [LOSS_LESS_SPECIFIC] = {"less-specific", "it has every address, and the other this very one"},
    [LOSS_IPV6] = {"ipv6", "it is an IPv6 socket, and IPv4 prefers the other"},
    [LOSS_NO_DEVICE] = {"no-device", "the other is bound to the device"},
    [LOSS_UNCONNECTED] = {"unconnected", "the other is connected to this peer"},
    [LOSS_LATER] = {"later", "the kernel finds the other first"},
    [LOSS_BEHIND_GROUP] = {"behind-group", "the kernel's search ends at the group that it finds "
                                           "first"},
};
static_assert(sizeof losses / sizeof *losses == LOSSES, "words for every loss");

const char *explain_loss(enum predict_loss loss)
{
    return losses[loss].sentence;
}

const char *explain_loss_name(enum predict_loss loss)
{
    return losses[loss].name;
}

/* Remedies */

static void put_owner_of_first(struct buf *out, struct explain_host *h,
                               const struct predict_bind *b)
{
    const struct predict_blocker *first = b->blockers.items;
    explain_put_owner(out, h, first->socket);
}

static uint64_t longest_wait_ms(const struct predict_bind *b)
{
    uint64_t longest = 0;
    const struct predict_blocker *all = b->blockers.items;
    for (size_t i = 0; i < b->blockers.len; i++) {
        const struct net_socket *s = all[i].socket;
        if (net_socket_knows(s, NET_F_TIMER_MS) && s->timer_ms > longest)
            longest = s->timer_ms;
    }
    return longest;
}

/* By one process, and the same. */
static bool is_held_alike(const struct net_socket *a, const struct net_socket *b)
{
    return a->n_owners == 1 && b->n_owners == 1 && a->owners[0].pid == b->owners[0].pid;
}

static void put_stop(struct buf *out, struct explain_host *h, const struct predict_candidate *c,
                     const struct predict_bind *b)
{
    const struct predict_blocker *first = b->blockers.items;
    bool one = b->blockers.len > 0;
    for (size_t i = 0; one && i < b->blockers.len; i++)
        one = is_held_alike(first[i].socket, first->socket);
    buf_str(out, "stop ");
    if (one)
        put_owner_of_first(out, h, b);
    else
        buf_str(out, "what has it");
    if (h->reader)
        buf_printf(out, ": berth free %s%u", c->kind == NET_UDP ? "udp:" : "", c->port);
}

static void put_device_remedy(struct buf *out, struct explain_host *h,
                              const struct predict_remedy *r, const char *before,
                              const char *otherwise)
{
    const char *name = explain_host_device_name(h, r->ifindex);
    if (*name) {
        buf_str(out, before);
        put(out, name);
    } else {
        buf_str(out, otherwise);
    }
}

/* An address that others can use, else the loopback. */
static void put_here(struct buf *out, const struct explain_host *h,
                     const struct predict_candidate *c)
{
    bool is_v4 = net_addr_unmap(&c->addr).family == AF_INET;
    const struct net_addr *found = NULL;
    for (size_t i = 0; !found && i < h->links.len; i++) {
        const struct net_iface *link = vec_at(&h->links, i);
        for (uint32_t k = 0; !found && k < link->n_addrs; k++)
            if (link->addrs[k].addr.family == (is_v4 ? AF_INET : AF_INET6) &&
                link->addrs[k].scope == RT_SCOPE_UNIVERSE)
                found = &link->addrs[k].addr;
    }
    buf_str(out, "use an address that this host has: ");
    if (found)
        net_addr_format(out, found);
    else
        buf_str(out, is_v4 ? "127.0.0.1" : "::1");
    buf_str(out, is_v4 ? ", or 0.0.0.0 for all of them" : ", or :: for all of them");
    buf_str(out, " (berth interfaces)");
}

static const char sharing_datagrams[] =
    ": of multicast both then get all, of the rest one of the two takes the other's datagrams";

void explain_put_remedy(struct buf *out, struct explain_host *h, const struct predict_candidate *c,
                        const struct predict_bind *b, const struct predict_remedy *r)
{
    switch (r->kind) {
    case REMEDY_REUSEADDR:
        buf_str(out, "set SO_REUSEADDR before bind");
        buf_str(out, c->kind == NET_UDP ? sharing_datagrams : ", as most servers do");
        break;
    case REMEDY_REUSEPORT:
        buf_str(out, "set SO_REUSEPORT before bind: clients are then shared out between the two");
        break;
    case REMEDY_BOTH_REUSEPORT:
        buf_str(out, "set SO_REUSEPORT on both sides, under one user: clients are then shared out");
        break;
    case REMEDY_BOTH_REUSEADDR:
        buf_str(out, "set SO_REUSEADDR on both sides");
        buf_str(out, c->kind == NET_UDP ? sharing_datagrams : "");
        break;
    case REMEDY_V6ONLY:
        buf_str(out, "set IPV6_V6ONLY before bind, and leave IPv4 to the other");
        break;
    case REMEDY_NO_V6ONLY:
        buf_str(out, "clear IPV6_V6ONLY, or use an IPv4 socket");
        break;
    case REMEDY_OWNERS_V6ONLY:
        buf_str(out, "let the other set IPV6_V6ONLY, so that it leaves IPv4 alone");
        break;
    case REMEDY_SAME_USER:
        buf_printf(out, "run as the same user as the others: uid %u", r->uid);
        break;
    case REMEDY_REUSEADDR_NEXT:
        buf_str(out, "let the server set SO_REUSEADDR from now on: what remains of its connections "
                     "leaves the port free then");
        break;
    case REMEDY_WAIT: {
        uint64_t ms = longest_wait_ms(b);
        buf_str(out, "wait");
        if (ms) {
            buf_char(out, ' ');
            time_format_duration(out, ms * NS_PER_MS);
        }
        buf_str(out, ": then it is gone by itself");
        break;
    }
    case REMEDY_STOP_OWNERS:
        put_stop(out, h, c, b);
        break;
    case REMEDY_PRIVILEGE:
        buf_printf(out,
                   "give the program the capability (setcap cap_net_bind_service=+ep PROGRAM, or "
                   "AmbientCapabilities= in its unit), or lower the limit for all: sysctl "
                   "net.ipv4.ip_unprivileged_port_start=%u",
                   c->port);
        break;
    case REMEDY_TRANSPARENT:
        buf_str(out, "give the program the capability (setcap cap_net_raw=+ep PROGRAM, or "
                     "AmbientCapabilities= in its unit)");
        break;
    case REMEDY_FREEBIND:
        buf_str(out, "add the address to an interface (ip addr add), or set IP_FREEBIND if it "
                     "comes later");
        break;
    case REMEDY_UP: {
        const char *name = explain_host_device_name(h, r->ifindex);
        buf_str(out, "bring the interface up: ip link set ");
        put(out, *name ? name : "DEVICE");
        buf_str(out, " up");
        break;
    }
    case REMEDY_CHECKED: {
        const char *name = explain_host_device_name(h, r->ifindex);
        buf_str(out, "wait a second or two; where it stays so, another host has the address: ip -6 "
                     "addr show dev ");
        put(out, *name ? name : "DEVICE");
        buf_str(out, " dadfailed");
        break;
    }
    case REMEDY_WIDEN:
        buf_str(out, "name a port outside of the range, or widen it: sysctl "
                     "net.ipv4.ip_local_port_range=\"FIRST LAST\"");
        break;
    case REMEDY_HERE:
        put_here(out, h, c);
        break;
    case REMEDY_SCOPE:
        put_device_remedy(out, h, r, "write the device behind the address: %",
                          "write the device behind the address: %DEVICE");
        break;
    case REMEDY_OTHER_DEVICE:
        put_device_remedy(out, h, r, "bind to the device that has it: ", "bind to no device");
        break;
    case REMEDY_IPV4:
        buf_str(out, "use IPv4");
        break;
    case REMEDIES:
        break;
    }
}

/* JSON */

void explain_json_end(struct jsonw *j, const struct net_socket *s, enum net_end end)
{
    _cleanup_buf_ struct buf address = BUF_INIT(1024);
    uint64_t port = end == NET_END_LOCAL ? s->local_port : s->peer_port;
    if (!net_socket_address(&address, s, end) || (end == NET_END_PEER && !port)) {
        jsonw_null(j);
        return;
    }
    jsonw_object(j);
    jsonw_key(j, "address");
    jsonw_text(j, address.data, address.len);
    jsonw_key(j, "port");
    jsonw_u64(j, port);
    jsonw_object_end(j);
}

static void json_owner(struct jsonw *j, const struct net_owner *o)
{
    const struct net_process *p = o->process;
    jsonw_object(j);
    jsonw_key(j, "pid");
    jsonw_i64(j, o->pid);
    jsonw_key(j, "fd");
    jsonw_i64(j, o->fd);
    jsonw_key(j, "comm");
    jsonw_str(j, p ? p->comm : NULL);
    jsonw_key(j, "user");
    jsonw_str(j, p ? p->user : NULL);
    jsonw_key(j, "uid");
    if (p && p->known >> NET_P_UID & 1)
        jsonw_u64(j, p->uid);
    else
        jsonw_null(j);
    jsonw_key(j, "cmdline");
    jsonw_str(j, p ? p->cmdline : NULL);
    jsonw_object_end(j);
}

void explain_json_socket(struct jsonw *j, struct explain_host *h, const struct net_socket *s)
{
    explain_host_find_owner(h, s);
    jsonw_key(j, "local");
    explain_json_end(j, s, NET_END_LOCAL);
    jsonw_key(j, "peer");
    explain_json_end(j, s, NET_END_PEER);
    jsonw_key(j, "state");
    jsonw_str(j, net_state_name(s->state));
    jsonw_key(j, "uid");
    if (net_socket_knows(s, NET_F_UID))
        jsonw_u64(j, s->uid);
    else
        jsonw_null(j);
    jsonw_key(j, "owners");
    jsonw_array(j);
    for (uint32_t i = 0; i < s->n_owners; i++)
        json_owner(j, &s->owners[i]);
    jsonw_array_end(j);
}

void explain_json_blockers(struct jsonw *j, struct explain_host *h, const struct vec *blockers)
{
    const struct predict_blocker *all = blockers->items;
    jsonw_array(j);
    for (size_t i = 0; i < blockers->len; i++) {
        jsonw_object(j);
        explain_json_socket(j, h, all[i].socket);
        jsonw_key(j, "rule");
        jsonw_str(j, explain_rule_name(all[i].rule));
        jsonw_key(j, "certain");
        jsonw_bool(j, all[i].certain == TRI_YES);
        jsonw_key(j, "unknown");
        jsonw_str(j, all[i].certain == TRI_YES           ? NULL
                     : all[i].unknown == NET_FIELD_COUNT ? "bucket"
                     : all[i].unknown < NET_F_LOCAL      ? net_field_infos[all[i].unknown].key
                                                         : NULL);
        jsonw_object_end(j);
    }
    jsonw_array_end(j);
}
