#include "predict/findings.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "predict/findings_impl.h"

/* Of equal severity, what stands further up comes first. */
struct check {
    struct finding_kind kind;
    int (*find)(struct findings *f);
};

static const struct check checks[] = {
    {{"accept-queue-full", "a program doesn't accept its connections: its queue is full"},
     find_accept_queues},
    {{"ports-running-out", "hardly a port is left for more connections to one destination"},
     find_ports_running_out},
    {{"loopback-down", "the loopback device is down: nothing on this host can connect to it"},
     find_loopback},
    {{"memory-near-limit", "TCP has nearly all the memory that it may have"}, find_memory},
    {{"orphans-near-limit", "connections that no program has any more near their limit"},
     find_orphans},
    {{"several-listeners", "one port has several programs: the address decides who answers"},
     find_several_listeners},
    {{"reuseport-stranger", "several programs share a port, and each gets some of the connections"},
     find_reuseport_strangers},
    {{"close-wait", "a program doesn't close connections that the other end has closed"},
     find_close_wait},
    {{"zero-window", "data wait because the program at the other end doesn't read"},
     find_zero_window},
    {{"retransmitting", "the other end doesn't acknowledge what is sent"}, find_retransmitting},
    {{"ports-blocked", "bound sockets take ports that connections could come from"},
     find_ports_blocked},
    {{"accept-queue-overflowed", "connections were dropped since queues were full"},
     find_overflows},
    {{"syn-cookies", "SYN cookies were sent: more connections began than queues have room for"},
     find_syn_cookies},
    {{"udp-errors", "datagrams were dropped"}, find_udp_errors},
    {{"localhost-one-family", "services answer on localhost by one of IPv4 and IPv6 only"},
     find_localhost},
    {{"time-wait-holds-port", "closed connections would hold up the restart of a server"},
     find_time_wait},
    {{"open-to-all", "a service on every interface has clients on this host only"},
     find_open_to_all},
    {{"somaxconn", "the host's limit cuts the queues that programs ask for"}, find_somaxconn},
};
enum { CHECKS = sizeof checks / sizeof *checks };

static const char *const severity_names[] = {"note", "warning", "bad"};
static_assert(sizeof severity_names / sizeof *severity_names == FINDING_SEVERITIES, "a name each");

const char *finding_severity_name(enum finding_severity s)
{
    return severity_names[s];
}

const struct finding_kind *finding_kind(size_t i)
{
    return i < CHECKS ? &checks[i].kind : NULL;
}

/* What is there to look at */

static bool is_here(const struct facts *f, const struct net_socket *s)
{
    return !f->netns || !net_socket_knows(s, NET_F_NETNS) || s->netns == f->netns;
}

static int take_sockets(struct findings *f)
{
    for (size_t i = 0; i < f->facts->sockets.len; i++) {
        const struct net_socket *s = vec_at(&f->facts->sockets, i);
        if (!is_here(f->facts, s))
            continue;
        if (vec_add(&f->sockets, &s) < 0)
            return -ENOMEM;
        if (s->kind == NET_TCP && s->peer_port && net_pairs_add(&f->pairs, s) < 0)
            return -ENOMEM;
        if (s->kind == NET_TCP && s->state == NET_LISTEN && s->local_port <= UINT16_MAX)
            port_set_add(f->listens, s->local_port);
    }
    f->host.sockets = f->sockets.items;
    f->host.n_sockets = f->sockets.len;
    f->host.interfaces = f->facts->interfaces.items;
    f->host.n_interfaces = (uint32_t)f->facts->interfaces.len;
    return 0;
}

static void take_settings(struct findings *f)
{
    struct predict_settings *settings = &f->host.settings;
    predict_settings_init(settings);
    settings->unknown = (1u << PREDICT_SETTINGS) - 1;
    for (int i = 0; i < PREDICT_SETTINGS; i++) {
        const char *name = predict_setting_name((enum predict_setting)i);
        const char *value = facts_sysctl(f->facts, name);
        if (!value)
            continue;
        settings->unknown &= ~(1u << i);
        predict_settings_read(settings, name, value);
    }
    f->host.has_ipv6 = !(settings->unknown >> PREDICT_BINDV6ONLY & 1);
}

/* The worst first, then by the table. */
static int by_severity(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    if (x->severity != y->severity)
        return x->severity > y->severity ? -1 : 1;
    for (size_t i = 0; i < CHECKS && x->name != y->name; i++)
        if (checks[i].kind.name == x->name || checks[i].kind.name == y->name)
            return checks[i].kind.name == x->name ? -1 : 1;
    return x->sockets.len > y->sockets.len ? -1 : x->sockets.len < y->sockets.len;
}

int findings_find(const struct facts *facts, const struct findings_how *how, struct vec *ret)
{
    struct findings f = {.facts = facts,
                         .counted_ns = how->counted_ns,
                         .sockets = VEC_INIT(const struct net_socket *),
                         .listens = calloc(1, sizeof *f.listens),
                         .ret = ret};
    net_pairs_init(&f.pairs);
    take_settings(&f);
    int result = f.listens ? take_sockets(&f) : -ENOMEM;
    for (size_t i = 0; i < CHECKS && result == 0; i++) {
        f.name = checks[i].kind.name;
        result = checks[i].find(&f);
    }
    if (ret->len)
        qsort(ret->items, ret->len, sizeof(struct finding), by_severity);
    net_pairs_clear(&f.pairs);
    vec_free(&f.sockets);
    free(f.listens);
    return result;
}

static void release(struct finding *f)
{
    free(f->title);
    free(f->evidence);
    free(f->remedy);
    vec_free(&f->sockets);
}

void findings_free(struct vec *findings)
{
    for (size_t i = 0; i < findings->len; i++)
        release(vec_at(findings, i));
    vec_free(findings);
}

/* Drafts */

enum { WORDS_MAX = 1 << 16 };

struct draft draft_start(struct findings *f, enum finding_severity severity)
{
    return (struct draft){.all = f,
                          .severity = severity,
                          .title = BUF_INIT(WORDS_MAX),
                          .evidence = BUF_INIT(WORDS_MAX),
                          .remedy = BUF_INIT(WORDS_MAX),
                          .sockets = VEC_INIT(const struct net_socket *)};
}

int draft_add(struct draft *d, const struct net_socket *s)
{
    return vec_add(&d->sockets, &s);
}

void draft_drop(struct draft *d)
{
    buf_free(&d->title);
    buf_free(&d->evidence);
    buf_free(&d->remedy);
    vec_free(&d->sockets);
}

static char *take_text(struct buf *b)
{
    while (b->len && b->data[b->len - 1] == '\n')
        b->len--;
    return strdup(buf_cstr(b));
}

int draft_end(struct draft *d)
{
    struct finding f = {
        .name = d->all->name,
        .severity = d->severity,
        .title = take_text(&d->title),
        .evidence = take_text(&d->evidence),
        .remedy = take_text(&d->remedy),
        .sockets = d->sockets,
    };
    d->sockets = VEC_INIT(const struct net_socket *);
    draft_drop(d);
    if (f.title && f.evidence && f.remedy && vec_add(d->all->ret, &f) == 0)
        return 0;
    release(&f);
    return -ENOMEM;
}
