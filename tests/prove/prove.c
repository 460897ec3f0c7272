/* Holds predictions against the kernel: random scenes, random questions, the answer foretold and
 * the answer given.
 *
 *     prove --cases N --seed S [--via bpf|diag] [--verbose]
 *
 * Prints agreement by kind. Exit 1 when a prediction was wrong: with BPF also when it said
 * "depends", for there nothing is hidden.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "kernel/diag.h"
#include "kernel/links.h"
#include "kernel/ports.h"
#include "kernel/route.h"
#include "kernel/sysctl.h"
#include "predict/bind.h"
#include "predict/connect.h"
#include "prove.h"
#include "scene.h"

static const char *const kind_names[] = {"tcp bind",   "tcp listen", "udp bind",   "tcp port 0",
                                         "udp port 0", "tcp lookup", "udp lookup", "tcp connect"};

/* Facts */

static void read_settings(struct predict_settings *ret)
{
    struct buf text = BUF_INIT(SYSCTL_MAX);
    predict_settings_init(ret);
    for (int i = 0; i < PREDICT_SETTINGS; i++) {
        const char *name = predict_setting_name((enum predict_setting)i);
        if (sysctl_read(name, &text) == 0)
            predict_settings_read(ret, name, buf_cstr(&text));
    }
    buf_free(&text);
}

void prove_read_facts(struct prover *p, enum net_kind kind, uint16_t port, struct facts_at *ret)
{
    struct ports_query query = {.kinds = 1u << kind, .port = port};
    struct source_report report;
    struct err e = {0};
    source_report_init(&report);
    if (ports_read(p->reader, &query, &ret->ports, &report, &e) < 0) {
        err_print(&e, stderr);
        exit(2);
    }
    source_report_clear(&report);
    ret->pointers = VEC_INIT(const struct net_socket *);
    for (size_t i = 0; i < ret->ports.sockets.len; i++) {
        const struct net_socket *s = vec_at(&ret->ports.sockets, i);
        vec_add(&ret->pointers, &s);
    }
    ret->host = (struct predict_host){.interfaces = p->links.items,
                                      .n_interfaces = (uint32_t)p->links.len,
                                      .has_ipv6 = true,
                                      .sockets = ret->pointers.items,
                                      .n_sockets = ret->pointers.len,
                                      .complete = ret->ports.complete,
                                      .udp_ordered = ret->ports.udp_ordered,
                                      .listeners_ordered = ret->ports.listeners_ordered,
                                      .buckets = ret->ports.buckets.items,
                                      .n_buckets = ret->ports.buckets.len,
                                      .buckets_known = ret->ports.buckets_known};
    read_settings(&ret->host.settings);
}

void prove_clear_facts(struct facts_at *f)
{
    ports_clear(&f->ports);
    vec_free(&f->pointers);
}

/* Showing a disagreement */

static void show_socket(const struct net_socket *s)
{
    struct buf b = BUF_INIT(4096);
    net_socket_format_end(&b, s, NET_END_LOCAL);
    buf_str(&b, " <- ");
    net_socket_format_end(&b, s, NET_END_PEER);
    buf_printf(&b, " %s fam=%d uid=%d%s reuseaddr=%d reuseport=%d v6only=%d dev=%u inode=%d",
               net_state_name(s->state), s->family, (int)s->uid,
               net_socket_knows(s, NET_F_UID) ? "" : "?",
               net_socket_knows(s, NET_F_REUSEADDR) ? s->reuseaddr : -1,
               net_socket_knows(s, NET_F_REUSEPORT) ? s->reuseport : -1,
               net_socket_knows(s, NET_F_V6ONLY) ? s->v6only : -1, s->ifindex, (int)s->inode);
    printf("    %s\n", buf_cstr(&b));
    buf_free(&b);
}

void prove_show_facts(const struct facts_at *f)
{
    const struct net_bucket *buckets = f->ports.buckets.items;
    for (size_t i = 0; i < f->ports.sockets.len; i++)
        show_socket(vec_at(&f->ports.sockets, i));
    for (size_t i = 0; i < f->ports.buckets.len; i++)
        printf("    bucket %u fastreuse=%d fastreuseport=%d uid=%u family=%u\n", buckets[i].port,
               buckets[i].fastreuse, buckets[i].fastreuseport, buckets[i].uid, buckets[i].family);
}

static const char *address_text(const struct sockaddr_storage *a)
{
    static char text[INET6_ADDRSTRLEN];
    const void *bytes = a->ss_family == AF_INET
                            ? (const void *)&((const struct sockaddr_in *)a)->sin_addr
                            : (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr;
    inet_ntop(a->ss_family, bytes, text, sizeof text);
    return text;
}

/* bind, listen, port 0 */

struct net_addr prove_addr(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET)
        return net_addr_from_bytes(AF_INET, &((const struct sockaddr_in *)a)->sin_addr);
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;
    struct net_addr addr = net_addr_from_bytes(AF_INET6, &six->sin6_addr);
    addr.scope = six->sin6_scope_id;
    return addr;
}

static enum predict_own own_of(const struct scene_wish *w)
{
    struct net_addr whole = prove_addr(&w->address), a = net_addr_unmap(&whole);
    bool own;
    struct err e;
    if (a.family != AF_INET || net_addr_is_wildcard(&a))
        return OWN_BY_INTERFACES;
    if (route_own(&a, &own, &e) < 0) {
        err_print(&e, stderr);
        exit(2);
    }
    return own ? OWN_YES : OWN_NO;
}

static struct predict_candidate candidate_of(const struct scene_wish *w)
{
    return (struct predict_candidate){.kind = w->kind,
                                      .family = (uint16_t)w->family,
                                      .addr = prove_addr(&w->address),
                                      .port = w->port,
                                      .uid = w->uid,
                                      .ifindex = w->device,
                                      .reuseaddr = w->reuseaddr,
                                      .reuseport = w->reuseport,
                                      .freebind = w->freebind,
                                      .transparent = w->transparent,
                                      .v6only = w->v6only,
                                      .privileged = w->uid == 0,
                                      .may_transparent = w->uid == 0,
                                      .own = own_of(w),
                                      .listens = w->listens && w->kind == NET_TCP};
}

static enum kind kind_of(const struct scene_wish *w)
{
    if (w->port == 0)
        return w->kind == NET_TCP ? KIND_CHOOSE : KIND_CHOOSE_UDP;
    if (w->kind == NET_UDP)
        return KIND_UDP;
    return w->listens ? KIND_LISTEN : KIND_BIND;
}

struct answer {
    int fd, error;
    const char *call;
    uint16_t port;
};

uint16_t prove_port(int fd)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    getsockname(fd, (struct sockaddr *)&a, &n);
    return ntohs(((struct sockaddr_in *)&a)->sin_port);
}

static enum outcome compare_choice(const struct predict_candidate *c, const struct facts_at *f,
                                   const struct answer *a)
{
    struct predict_choice choice;
    predict_choose_port(c, &f->host, &choice);
    if (a->fd >= 0)
        return port_set_has(&choice.possible, a->port) ? AGREED : WRONG;
    return choice.n_certain ? WRONG : AGREED;
}

/* Not of the address, or of the caller. */
static bool is_of_port(int error)
{
    return error == 0 || error == EADDRINUSE;
}

static enum outcome compare_bind(const struct predict_candidate *c, const struct facts_at *f,
                                 const struct answer *a, struct predict_bind *ret)
{
    static const char *const calls[] = {"none", "socket", "setsockopt", "bind", "listen"};
    if (predict_bind(c, &f->host, ret) < 0)
        exit(2);
    if (c->port == 0 && is_of_port(a->error) && is_of_port(ret->error))
        return compare_choice(c, f, a);
    if (ret->verdict == PREDICT_DEPENDS)
        return DEPENDED;
    if (ret->verdict == PREDICT_SUCCEEDS)
        return a->fd >= 0 ? AGREED : WRONG;
    return a->fd < 0 && a->error == ret->error && strcmp(a->call, calls[ret->call]) == 0 ? AGREED
                                                                                         : WRONG;
}

static void show_bind(const struct prover *p, const struct scene_wish *w, const struct answer *a,
                      const struct predict_bind *b, const struct facts_at *f)
{
    printf("case %lu: %s %s [%s]:%u%s%s%s%s dev=%u uid=%u%s\n", p->case_number,
           net_kind_name(w->kind), w->family == AF_INET ? "v4" : "v6", address_text(&w->address),
           w->port, w->reuseaddr ? " reuseaddr" : "", w->reuseport ? " reuseport" : "",
           w->v6only ? " v6only" : "", w->freebind ? " freebind" : "", w->device, w->uid,
           w->listens ? " listens" : "");
    printf("  kernel: %s %s port %u; predicted: verdict %d call %d %s rule %d blockers %zu\n",
           a->fd >= 0 ? "succeeds" : a->call, a->fd >= 0 ? "" : err_name(a->error), a->port,
           b->verdict, b->call, b->error ? err_name(b->error) : "-", b->rule, b->blockers.len);
    prove_show_facts(f);
}

void prove_count(struct prover *p, enum kind kind, enum outcome o, bool reuse)
{
    struct count *c = &p->counts[kind];
    c->cases++;
    c->agreed += o == AGREED;
    c->depends += o == DEPENDED;
    c->wrong += o == WRONG;
    c->reuse_cases += reuse;
    c->reuse_depends += reuse && o == DEPENDED;
}

static void ask_bind(struct prover *p)
{
    struct scene_wish w;
    struct facts_at facts;
    struct answer a = {.call = ""};
    scene_wish(&p->scene, &w);
    struct predict_candidate c = candidate_of(&w);
    enum outcome o = WRONG;
    /* What goes by itself (FIN_WAIT1 to TIME_WAIT) may have moved between looking and asking. */
    for (int attempt = 0; attempt < 2 && o == WRONG; attempt++) {
        struct predict_bind b = {0};
        prove_read_facts(p, w.kind, w.port, &facts);
        a.fd = scene_try(&w, &a.call, &a.error);
        a.port = a.fd >= 0 ? prove_port(a.fd) : 0;
        fd_close(&(int){a.fd});
        o = compare_bind(&c, &facts, &a, &b);
        if (p->verbose && (o == WRONG || (o == DEPENDED && p->via == SOURCE_BPF)) && attempt == 1)
            show_bind(p, &w, &a, &b, &facts);
        predict_bind_clear(&b);
        prove_clear_facts(&facts);
    }
    prove_count(p, kind_of(&w), o, w.reuseaddr || w.reuseport);
}

/* Which socket gets it */

uint64_t prove_inode(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* The device that has the address. */
uint32_t prove_device(const struct prover *p, const struct net_addr *addr)
{
    struct net_addr a = net_addr_unmap(addr);
    const struct net_iface *i = net_iface_by_addr(p->links.items, (uint32_t)p->links.len, &a, NULL);
    return i ? i->index : 1; /* the rest of 127/8 is lo's */
}

bool prove_is_here(const struct prover *p, const struct net_addr *a)
{
    return net_addr_is_loopback(a) ||
           net_iface_by_addr(p->links.items, (uint32_t)p->links.len, a, NULL);
}

/* Sends from a socket of our own and sees who gets it: the inode, 0 for nobody. */
static uint64_t who_gets(struct prover *p, enum net_kind kind, const struct sockaddr_storage *to,
                         int client)
{
    char byte = 0;
    uint64_t inode = 0;
    if (kind == NET_UDP && sendto(client, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL,
                                  (const struct sockaddr *)to, scene_length(to)) < 0)
        return 0;
    if (kind == NET_TCP)
        connect(client, (const struct sockaddr *)to, scene_length(to));
    uint16_t from = prove_port(client);
    for (int i = 0; i < p->scene.n; i++) {
        struct scene_socket *s = &p->scene.sockets[i];
        struct sockaddr_storage peer;
        socklen_t n = sizeof peer;
        if (s->kind != kind)
            continue;
        if (kind == NET_UDP) {
            while (recvfrom(s->fd, &byte, 1, MSG_DONTWAIT, (struct sockaddr *)&peer, &n) >= 0) {
                if (ntohs(((struct sockaddr_in *)&peer)->sin_port) == from)
                    inode = prove_inode(s->fd);
                n = sizeof peer;
            }
        } else if (s->listens) {
            for (int fd; (fd = accept4(s->fd, (struct sockaddr *)&peer, &n, SOCK_CLOEXEC)) >= 0;) {
                if (ntohs(((struct sockaddr_in *)&peer)->sin_port) == from)
                    inode = prove_inode(s->fd);
                close(fd);
                n = sizeof peer;
            }
        }
    }
    return inode;
}

static bool in_group(const struct predict_receiver *r, uint64_t inode)
{
    for (size_t i = 0; i < r->group.len; i++)
        if ((*(const struct net_socket **)vec_at(&r->group, i))->inode == inode)
            return true;
    return r->socket && r->socket->inode == inode;
}

void prove_empty_queues(struct prover *p)
{
    for (int i = 0; i < p->scene.n; i++) {
        char byte;
        struct scene_socket *s = &p->scene.sockets[i];
        if (s->kind == NET_UDP)
            while (recv(s->fd, &byte, 1, MSG_DONTWAIT) >= 0)
                continue;
        else if (s->listens)
            for (int fd; (fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0;)
                close(fd);
    }
}

/* A client with a port of its own, which nobody else has or has had for long. */
int prove_make_client(struct prover *p, enum net_kind kind, int family)
{
    struct sockaddr_storage from = {.ss_family = (sa_family_t)family};
    int type = (kind == NET_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    struct linger abort = {1, 0};
    int fd = socket(family, type, 0);
    ((struct sockaddr_in *)&from)->sin_port = htons((uint16_t)(30000 + p->clients++ % 20000));
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    bind(fd, (struct sockaddr *)&from, scene_length(&from));
    return fd;
}

static void show_lookup(const struct prover *p, const struct predict_packet *packet, uint64_t inode,
                        const struct predict_receiver *r, const struct facts_at *f)
{
    struct buf b = BUF_INIT(256);
    net_addr_format(&b, &packet->to);
    printf("case %lu: %s to [%s]:%u on %u from %u: kernel %d, predicted %d certain %d group %zu\n",
           p->case_number, net_kind_name(packet->kind), buf_cstr(&b), packet->to_port,
           packet->ifindex, packet->from_port, (int)inode, r->socket ? (int)r->socket->inode : 0,
           r->certain, r->group.len);
    buf_free(&b);
    prove_show_facts(f);
}

static void ask_lookup(struct prover *p)
{
    struct scene *s = &p->scene;
    struct sockaddr_storage to;
    struct facts_at facts;
    struct predict_receiver r;
    enum net_kind kind = scene_chance(s, 70) ? NET_TCP : NET_UDP;
    int family = scene_chance(s, 50) ? AF_INET : AF_INET6;
    scene_address(s, family, (uint16_t)(SCENE_FIRST_PORT + scene_random(s, SCENE_PORTS)), &to);
    struct net_addr addr = prove_addr(&to);
    if (net_addr_is_wildcard(&addr) || net_addr_is_multicast(&addr) || net_addr_is_mapped(&addr))
        return;
    if ((net_addr_is_link_local(&addr) && !addr.scope) || !prove_is_here(p, &addr))
        return;
    prove_empty_queues(p);
    int client = prove_make_client(p, kind, family);
    prove_read_facts(p, kind, ntohs(((struct sockaddr_in *)&to)->sin_port), &facts);
    struct predict_packet packet = {.kind = kind,
                                    .to = addr,
                                    .from = addr,
                                    .to_port = ntohs(((struct sockaddr_in *)&to)->sin_port),
                                    .from_port = prove_port(client),
                                    .ifindex = prove_device(p, &addr)};
    if (predict_lookup(&packet, &facts.host, &r) < 0)
        exit(2);
    uint64_t inode = who_gets(p, kind, &to, client);
    enum outcome o = r.certain != TRI_YES ? DEPENDED
                     : inode == 0         ? (r.socket ? WRONG : AGREED)
                                          : (in_group(&r, inode) ? AGREED : WRONG);
    if (p->verbose && (o == WRONG || (o == DEPENDED && p->via == SOURCE_BPF)))
        show_lookup(p, &packet, inode, &r, &facts);
    prove_count(p, kind == NET_TCP ? KIND_LOOKUP : KIND_LOOKUP_UDP, o, false);
    predict_receiver_clear(&r);
    prove_clear_facts(&facts);
    close(client);
}

/* The run */

static void ask(struct prover *p)
{
    uint32_t dice = scene_random(&p->scene, 100);
    if (dice < 70)
        ask_bind(p);
    else if (dice < 88)
        ask_lookup(p);
    else
        prove_connect(p);
}

static void prove(struct prover *p, unsigned long cases, uint64_t seed)
{
    enum { QUESTIONS = 8 };
    struct err e = {0};
    p->links = VEC_INIT(struct net_iface);
    scene_init(&p->scene, seed);
    if (links_read(&p->links, &e) < 0 || ports_open(p->via, &p->reader, &e) < 0) {
        err_print(&e, stderr);
        exit(2);
    }
    for (p->case_number = 0; p->case_number < cases;) {
        scene_fill(&p->scene);
        for (int i = 0; i < QUESTIONS && p->case_number < cases; i++, p->case_number++)
            ask(p);
        scene_empty(&p->scene);
    }
    ports_close(p->reader);
    links_free(&p->links);
}

static int report(const struct prover *p, uint64_t seed)
{
    struct count sum = {0};
    printf("%-12s %9s %9s %9s %9s\n", "", "cases", "agreed", "depends", "wrong");
    for (int i = 0; i < KINDS; i++) {
        const struct count *c = &p->counts[i];
        printf("%-12s %9lu %9lu %9lu %9lu\n", kind_names[i], c->cases, c->agreed, c->depends,
               c->wrong);
        sum.cases += c->cases;
        sum.agreed += c->agreed;
        sum.depends += c->depends;
        sum.wrong += c->wrong;
        sum.reuse_cases += c->reuse_cases;
        sum.reuse_depends += c->reuse_depends;
    }
    printf("%-12s %9lu %9lu %9lu %9lu   seed %lu, via %s\n", "all", sum.cases, sum.agreed,
           sum.depends, sum.wrong, (unsigned long)seed, p->via == SOURCE_BPF ? "bpf" : "diag");
    printf("depends: %lu of %lu binds with reuse flags, %lu of %lu others\n", sum.reuse_depends,
           sum.reuse_cases, sum.depends - sum.reuse_depends, sum.cases - sum.reuse_cases);
    return sum.wrong || (p->via == SOURCE_BPF && sum.depends) ? 1 : 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"cases", required_argument, NULL, 'n'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"via", required_argument, NULL, 'V'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {0}};
    static struct prover p = {.via = SOURCE_BPF};
    unsigned long cases = 20000;
    uint64_t seed = (uint64_t)getpid();
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        if (o == 'n')
            cases = strtoul(optarg, NULL, 10);
        else if (o == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (o == 'V')
            p.via = strcmp(optarg, "diag") == 0 ? SOURCE_DIAG : SOURCE_BPF;
        else if (o == 'v')
            p.verbose = true;
        else
            return 2;
    }
    prove(&p, cases, seed);
    return report(&p, seed);
}
