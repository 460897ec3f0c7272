/* Findings about who listens where: what a client gets depends on its address, and who can come. */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "predict/findings_impl.h"
#include "predict/lookup.h"
#include "predict/overlap.h"

static const struct net_addr loopback4 = {.family = AF_INET, .bytes = {127, 0, 0, 1}},
                             loopback6 = {.family = AF_INET6, .bytes = {[15] = 1}};

static bool is_listener(const struct net_socket *s)
{
    return s->kind == NET_TCP && s->state == NET_LISTEN && s->local_port <= UINT16_MAX;
}

static bool shares_holder(const struct net_socket *a, const struct net_socket *b)
{
    for (uint32_t i = 0; i < a->n_owners; i++)
        for (uint32_t k = 0; k < b->n_owners; k++)
            if (a->owners[i].pid == b->owners[k].pid)
                return true;
    return false;
}

/* The script of a program that runs scripts: "app.py" of "python3 -u app.py". */
static const char *script_of(const struct net_process *p, size_t *ret_n)
{
    static const char *const runners[] = {"python", "node", "ruby", "perl", "php", "java", "bash"};
    bool runs = false;
    for (size_t i = 0; i < sizeof runners / sizeof *runners; i++)
        runs |= strncmp(p->comm, runners[i], strlen(runners[i])) == 0;
    const char *word = runs && p->cmdline ? p->cmdline : "";
    do {
        word += strcspn(word, " ");
        word += strspn(word, " ");
    } while (*word == '-');
    *ret_n = strcspn(word, " ");
    return word;
}

static bool is_same_program(const struct net_socket *a, const struct net_socket *b)
{
    const struct net_process *p = a->owners[0].process, *q = b->owners[0].process;
    size_t n_p, n_q;
    if (shares_holder(a, b) || !p || !q)
        return true;
    if (p->exe && q->exe && strcmp(p->exe, q->exe) != 0)
        return false;
    if (p->cwd && q->cwd && strcmp(p->cwd, q->cwd) != 0)
        return false; /* two checkouts */
    if (strcmp(p->comm, q->comm) != 0)
        return false;
    const char *x = script_of(p, &n_p), *y = script_of(q, &n_q);
    return n_p == n_q && memcmp(x, y, n_p) == 0;
}

static int group_listeners(const struct findings *f, struct groups *ret)
{
    int r = 0;
    for (size_t i = 0; i < f->host.n_sockets && r == 0; i++) {
        const struct net_socket *s = findings_socket(f, i);
        if (is_listener(s))
            r = groups_add(ret, s->local_port, s, NULL);
    }
    return r;
}

/* Several listeners */

static bool same_address(const struct net_addr *a, const struct net_addr *b)
{
    struct net_addr x = net_addr_unmap(a), y = net_addr_unmap(b);
    return x.family == y.family && memcmp(x.bytes, y.bytes, sizeof x.bytes) == 0;
}

static bool takes(const struct net_socket *s, const struct net_addr *a)
{
    const struct predict_end one = {.family = a->family, .addr = *a, .v6only = TRI_YES};
    const struct predict_end its = predict_end_of(s);
    return predict_overlap(&one, &its) != TRI_NO;
}

enum likeness { UNLIKE, SAME_PORT, CONFUSABLE };

/* Whether people take the two for one, since the same clients may mean either, or whether only the
 * port is the same. */
static enum likeness likeness(const struct net_socket *a, const struct net_socket *b)
{
    bool wild_a = net_addr_is_wildcard(&a->local), wild_b = net_addr_is_wildcard(&b->local);
    bool seen = has_owner(a) && has_owner(b);
    if (same_address(&a->local, &b->local) || (seen && shares_holder(a, b)))
        return UNLIKE;
    /* localhost is both. One server with a socket for each family is the usual thing, and so is one
     * with a process for each (docker-proxy): only where they are known to be two. */
    bool two = seen && !is_same_program(a, b);
    if (two && ((takes(a, &loopback4) && takes(b, &loopback6)) ||
                (takes(a, &loopback6) && takes(b, &loopback4))))
        return CONFUSABLE;
    if (wild_a != wild_b && (wild_a ? takes(a, &b->local) : takes(b, &a->local)))
        return CONFUSABLE;
    return two ? SAME_PORT : UNLIKE;
}

enum { COMPARED = 128, ASKED = 12 };

static enum likeness most_likeness(const struct group *g)
{
    enum likeness most = UNLIKE;
    size_t n = g->sockets.len < COMPARED ? g->sockets.len : COMPARED;
    for (size_t i = 0; i < n && most < CONFUSABLE; i++)
        for (size_t k = i + 1; k < n && most < CONFUSABLE; k++) {
            enum likeness now = likeness(group_socket(g, i), group_socket(g, k));
            most = now > most ? now : most;
        }
    return most;
}

/* Who gets a client that connects to this address: one line. */
static int put_receiver(struct buf *out, const struct predict_host *host, const struct net_addr *to,
                        uint32_t port, uint32_t ifindex)
{
    struct predict_packet p = {
        .kind = NET_TCP, .from = *to, .to = *to, .to_port = (uint16_t)port, .ifindex = ifindex};
    struct predict_receiver receiver;
    int r = predict_lookup(&p, host, &receiver);
    if (r == 0) {
        put_address(out, to);
        buf_str(out, " is answered by ");
        if (receiver.socket) {
            put_owner(out, receiver.socket);
            buf_str(out, ", on ");
            put_end(out, receiver.socket, NET_END_LOCAL);
        } else {
            buf_str(out, "nobody");
        }
        buf_str(out, receiver.certain == TRI_MAYBE ? ", as far as can be seen\n" : "\n");
    }
    predict_receiver_clear(&receiver);
    return r;
}

static bool is_asked(const struct net_iface_addr *a)
{
    return a->addr.family && !net_addr_is_link_local(&a->addr);
}

/* For each address that this host has. */
static int put_receivers(struct buf *out, const struct findings *f, const struct group *g)
{
    struct predict_host host = f->host; /* of which only the listeners of the port matter */
    uint32_t port = group_socket(g, 0)->local_port;
    host.sockets = g->sockets.items;
    host.n_sockets = g->sockets.len;
    unsigned asked = 0;
    for (uint32_t i = 0; i < f->host.n_interfaces; i++) {
        const struct net_iface *link = &f->host.interfaces[i];
        for (uint32_t k = 0; k < link->n_addrs && asked < ASKED; k++) {
            if (!is_asked(&link->addrs[k]))
                continue;
            asked++;
            int r = put_receiver(out, &host, &link->addrs[k].addr, port, link->index);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int tell_several(struct findings *f, const struct group *g, bool confusable)
{
    uint32_t port = group_socket(g, 0)->local_port;
    struct draft d = draft_start(f, confusable ? FINDING_WARNING : FINDING_NOTE);
    buf_printf(&d.title, "port %u has several programs: the address decides who answers", port);
    int r = 0;
    for (size_t i = 0; i < g->sockets.len && r == 0; i++)
        r = draft_add(&d, group_socket(g, i));
    put_sockets(&d.evidence, &d.sockets);
    if (r == 0)
        r = put_receivers(&d.evidence, f, g);
    if (!confusable)
        buf_str(&d.remedy, "nothing, if it is meant so; else ");
    buf_str(&d.remedy, "end the one that isn't wanted: ");
    buf_printf(&d.remedy, "berth who %u shows them\nor give each a port of its own", port);
    if (r == 0)
        return draft_end(&d);
    draft_drop(&d);
    return r;
}

int find_several_listeners(struct findings *f)
{
    _cleanup_groups_ struct groups ports = GROUPS_INIT;
    int r = group_listeners(f, &ports);
    for (size_t i = 0; i < ports.all.len && r == 0; i++) {
        const struct group *g = vec_at(&ports.all, i);
        enum likeness most = most_likeness(g);
        if (most != UNLIKE)
            r = tell_several(f, g, most == CONFUSABLE);
    }
    return r;
}

/* localhost */

static bool has_address(const struct findings *f, const struct net_addr *a)
{
    return net_iface_by_addr(f->host.interfaces, f->host.n_interfaces, a, NULL) != NULL;
}

static const struct net_socket *answers(const struct group *g, const struct net_addr *a)
{
    for (size_t i = 0; i < g->sockets.len; i++) {
        const struct net_socket *s = group_socket(g, i);
        if (!s->ifindex && takes(s, a))
            return s;
    }
    return NULL;
}

static int tell_localhost(struct findings *f, struct draft *d, const struct net_addr *yes,
                          const struct net_addr *no)
{
    if (d->sockets.len == 0) {
        draft_drop(d);
        return 0;
    }
    buf_printf(&d->title, "%zu service%s on localhost answer%s by %s only", d->sockets.len,
               plural(d->sockets.len), d->sockets.len == 1 ? "s" : "",
               yes->family == AF_INET ? "IPv4" : "IPv6");
    put_sockets(&d->evidence, &d->sockets);
    buf_str(&d->evidence, "localhost is 127.0.0.1 and ::1; a client that takes ");
    net_addr_format(&d->evidence, no);
    buf_str(&d->evidence, " is refused, and many don't try the other\n");
    buf_str(&d->remedy, "let the server listen on both\nor write ");
    net_addr_format(&d->remedy, yes);
    buf_str(&d->remedy, " instead of localhost where its clients are configured");
    (void)f;
    return draft_end(d);
}

int find_localhost(struct findings *f)
{
    _cleanup_groups_ struct groups ports = GROUPS_INIT;
    if (!has_address(f, &loopback4) || !has_address(f, &loopback6))
        return 0;
    struct draft four = draft_start(f, FINDING_NOTE), six = draft_start(f, FINDING_WARNING);
    int r = group_listeners(f, &ports);
    for (size_t i = 0; i < ports.all.len && r == 0; i++) {
        const struct group *g = vec_at(&ports.all, i);
        const struct net_socket *by4 = answers(g, &loopback4), *by6 = answers(g, &loopback6);
        if (by4 && !by6)
            r = draft_add(&four, by4);
        else if (by6 && !by4)
            r = draft_add(&six, by6);
    }
    if (r < 0) {
        draft_drop(&four);
        draft_drop(&six);
        return r;
    }
    r = tell_localhost(f, &four, &loopback4, &loopback6);
    int also = tell_localhost(f, &six, &loopback6, &loopback4);
    return r < 0 ? r : also;
}

/* An interface called lo that is down: the kernel drops what would go through it, also between the
 * host's other addresses. test: test_doctor.py, test_loopback_down */
int find_loopback(struct findings *f)
{
    const struct net_iface *lo = NULL;
    for (uint32_t i = 0; i < f->host.n_interfaces && !lo; i++)
        if (f->host.interfaces[i].flags & IFF_LOOPBACK)
            lo = &f->host.interfaces[i];
    if (!lo || lo->flags & IFF_UP)
        return 0;
    struct draft d = draft_start(f, FINDING_BAD);
    text_escape(&d.title, lo->name, strlen(lo->name));
    buf_str(&d.title, " is down: nothing on this host can connect to it");
    buf_str(&d.evidence, "all that goes from this host to itself goes through the loopback "
                         "device, to its other addresses too\n");
    buf_str(&d.remedy, "ip link set ");
    text_escape(&d.remedy, lo->name, strlen(lo->name));
    buf_str(&d.remedy, " up");
    return draft_end(&d);
}

/* Open to all, with clients here only */

struct traffic {
    uint32_t local[UINT16_MAX + 1], remote[UINT16_MAX + 1];
};

static bool is_local(const struct findings *f, const struct net_addr *a)
{
    struct net_addr plain = net_addr_unmap(a);
    plain.scope = 0;
    return net_addr_is_loopback(&plain) || has_address(f, &plain);
}

static bool is_open(const struct net_socket *s)
{
    return is_listener(s) && net_addr_is_wildcard(&s->local) && !s->ifindex;
}

static int tell_open(struct findings *f, const struct traffic *t)
{
    struct draft d = draft_start(f, FINDING_NOTE);
    uint32_t clients = 0;
    for (size_t i = 0; i < f->host.n_sockets; i++) {
        const struct net_socket *s = findings_socket(f, i);
        if (!is_open(s) || t->remote[s->local_port] || !t->local[s->local_port])
            continue;
        if (draft_add(&d, s) < 0) {
            draft_drop(&d);
            return -ENOMEM;
        }
        clients += t->local[s->local_port];
    }
    if (d.sockets.len == 0) {
        draft_drop(&d);
        return 0;
    }
    buf_printf(&d.title, "%zu service%s on every interface ha%s clients on this host only",
               d.sockets.len, plural(d.sockets.len), d.sockets.len == 1 ? "s" : "ve");
    put_sockets(&d.evidence, &d.sockets);
    buf_printf(&d.evidence, "%u connection%s, all of this host itself\n", clients, plural(clients));
    buf_str(&d.remedy, "if nobody else should come: let it listen on 127.0.0.1 and ::1\n"
                       "berth list --listeners shows who can reach each");
    return draft_end(&d);
}

int find_open_to_all(struct findings *f)
{
    struct traffic *t = calloc(1, sizeof *t);
    if (!t)
        return -ENOMEM;
    for (size_t i = 0; i < f->host.n_sockets; i++) {
        const struct net_socket *s = findings_socket(f, i);
        if (s->kind != NET_TCP || !s->peer_port || s->local_port > UINT16_MAX)
            continue;
        uint32_t *count = is_local(f, &s->peer) ? t->local : t->remote;
        count[s->local_port]++;
    }
    int r = tell_open(f, t);
    free(t);
    return r;
}

/* Strangers in a group of SO_REUSEPORT */

static bool may_share(const struct net_socket *s)
{
    /* Programs share the ports of multicast discovery on purpose: each gets all. */
    static const uint16_t discovery[] = {1900, 3702, 5353, 5355};
    if (!net_socket_knows(s, NET_F_REUSEPORT) || !s->reuseport || !has_owner(s))
        return false;
    if (is_listener(s))
        return true;
    if (s->kind != NET_UDP || s->peer_port || net_addr_is_multicast(&s->local))
        return false;
    for (size_t i = 0; i < sizeof discovery / sizeof *discovery; i++)
        if (s->local_port == discovery[i])
            return false;
    return true;
}

static bool same_group(const struct net_socket *a, const struct net_socket *b)
{
    return a->kind == b->kind && a->local_port == b->local_port && a->family == b->family &&
           a->ifindex == b->ifindex && same_address(&a->local, &b->local);
}

/* How many different ones hold its sockets. */
static size_t count_programs(const struct group *g)
{
    size_t n = 0, most = g->sockets.len < COMPARED ? g->sockets.len : COMPARED;
    for (size_t i = 0; i < most; i++) {
        bool is_new = true;
        for (size_t k = 0; k < i && is_new; k++)
            is_new = !is_same_program(group_socket(g, k), group_socket(g, i));
        n += is_new;
    }
    return n;
}

static int tell_strangers(struct findings *f, const struct group *g, size_t programs)
{
    const struct net_socket *first = group_socket(g, 0);
    struct draft d = draft_start(f, FINDING_WARNING);
    buf_printf(&d.title, "%zu programs share ", programs);
    put_end(&d.title, first, NET_END_LOCAL);
    buf_str(&d.title, ", and each gets some of what comes");
    int r = 0;
    for (size_t i = 0; i < g->sockets.len && r == 0; i++)
        r = draft_add(&d, group_socket(g, i));
    if (r == 0)
        r = put_holders(&d.evidence, &d.sockets);
    buf_printf(&d.evidence,
               "all set SO_REUSEPORT: the kernel picks one of the %zu sockets by a "
               "hash of the client's address and port\n",
               g->sockets.len);
    buf_str(&d.remedy, "end the one that isn't wanted: ");
    buf_printf(&d.remedy, "berth who %u shows them with their command lines\n", first->local_port);
    buf_str(&d.remedy, "a server that should be alone doesn't set SO_REUSEPORT");
    if (r == 0)
        return draft_end(&d);
    draft_drop(&d);
    return r;
}

int find_reuseport_strangers(struct findings *f)
{
    _cleanup_groups_ struct groups groups = GROUPS_INIT;
    int r = 0;
    for (size_t i = 0; i < f->host.n_sockets && r == 0; i++) {
        const struct net_socket *s = findings_socket(f, i);
        if (may_share(s))
            r = groups_add(&groups, (uint64_t)s->local_port << 32 | (uint64_t)s->kind << 16, s,
                           same_group);
    }
    for (size_t i = 0; i < groups.all.len && r == 0; i++) {
        const struct group *g = vec_at(&groups.all, i);
        size_t programs = count_programs(g);
        if (programs > 1)
            r = tell_strangers(f, g, programs);
    }
    return r;
}
