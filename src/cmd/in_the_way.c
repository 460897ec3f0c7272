#include "cmd/in_the_way.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "cmd/commands.h"
#include "cmd/explain_ask.h"
#include "cmd/explain_bind.h"
#include "cmd/explain_words.h"
#include "cmd/holding.h"
#include "flow/open.h"
#include "kernel/privilege.h"
#include "net/sockopt.h"

enum { WORDS_MAX = 2048 };

/* TCP and UDP */

static bool chose(const struct open_listen *how, enum sockopt option, bool otherwise)
{
    if (!how->options || !sockopt_given(how->options, option))
        return otherwise;
    return how->options->numbers[option] != 0;
}

/* What open_listener asks the kernel for. */
static struct predict_candidate candidate_of(struct explain_host *h, const struct target *t,
                                             const struct open_listen *how)
{
    bool stream = t->type == SOCK_STREAM;
    const char *device = t->device;
    struct predict_candidate c = {
        .kind = stream ? NET_TCP : NET_UDP,
        .family = (uint16_t)t->family,
        .uid = h->uid,
        .reuseaddr = chose(how, SOCKOPT_REUSEADDR, stream && !how->no_reuseaddr),
        .reuseport = chose(how, SOCKOPT_REUSEPORT, false),
        .freebind = chose(how, SOCKOPT_FREEBIND, false),
        .transparent = chose(how, SOCKOPT_TRANSPARENT, false),
        .v6only =
            t->v6only >= 0 ? t->v6only == 1 : chose(how, SOCKOPT_V6ONLY, h->settings.bindv6only),
        .privileged = h->may_bind_low_ports,
        .may_transparent = h->may_transparent,
        .listens = stream,
    };
    target_get_ip(&t->address, &c.addr, &c.port);
    explain_ask_own(h, &c);
    if (!*device && how->options && sockopt_given(how->options, SOCKOPT_DEVICE))
        device = how->options->device;
    c.ifindex = *device ? explain_host_device(h, device) : 0;
    return c;
}

static bool is_own(const struct net_socket *s)
{
    return s->n_owners && s->owners[0].pid == getpid();
}

/* Of several, what somebody who starts a server can do soonest. Two programs that share a port of
 * UDP by SO_REUSEADDR take each other's datagrams: no remedy. */
static const struct predict_remedy *choose_remedy(const struct predict_candidate *c,
                                                  const struct vec *remedies)
{
    static const enum predict_remedy_kind first[] = {REMEDY_SAME_USER, REMEDY_REUSEADDR,
                                                     REMEDY_WAIT, REMEDY_STOP_OWNERS};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        for (size_t k = 0; k < remedies->len; k++) {
            const struct predict_remedy *r = vec_at(remedies, k);
            if (r->kind == first[i] && (c->listens || r->kind != REMEDY_REUSEADDR))
                return r;
        }
    return remedies->len ? vec_at(remedies, 0) : NULL;
}

static void put_remedy(struct buf *out, struct explain_host *h, const struct predict_candidate *c,
                       const struct predict_host *host, const struct predict_bind *b)
{
    _cleanup_vec_ struct vec remedies = VEC_INIT(struct predict_remedy);
    const struct predict_remedy *chosen = NULL;
    if (predict_remedies(c, host, b, &remedies) == 0)
        chosen = choose_remedy(c, &remedies);
    if (chosen)
        buf_str(out, "; ");
    if (chosen && chosen->kind == REMEDY_REUSEADDR) /* it is on but for the option */
        buf_str(out, "leave --no-reuseaddr out");
    else if (chosen)
        explain_put_remedy(out, h, c, b, chosen);
    uint16_t port = explain_ask_free_port(h, c);
    if (port)
        buf_printf(out, "; port %u is free", port);
}

/* The option that was given, and didn't help: who hears of EADDRINUSE wonders why. That the kernel
 * refused is known, and so what it remembers of the port can't have let it pass. */
static void put_broken(struct buf *out, const struct predict_candidate *c,
                       const struct predict_bind *b)
{
    const struct predict_blocker *first = b->blockers.items;
    bool certain = first->certain == TRI_YES || first->unknown == NET_FIELD_COUNT;
    if (c->reuseport && certain &&
        (b->rule == RULE_OTHER_USER || b->rule == RULE_OWNER_NO_REUSEPORT))
        buf_printf(out, "; %s", explain_rule(b->rule));
}

static void put_holder(struct buf *out, struct explain_host *h, const struct predict_candidate *c,
                       const struct predict_host *host, const struct predict_bind *b)
{
    const struct predict_blocker *first = b->blockers.items;
    explain_put_socket(out, h, first->socket);
    if (is_own(first->socket)) {
        buf_str(out, "; two of the endpoints given overlap");
        return;
    }
    explain_put_overlap(out, c, first->socket);
    put_broken(out, c, b);
    if (net_socket_forbids(first->socket, NET_F_OWNERS))
        buf_printf(out, "; whose it is may not be seen (%s)", privilege_to_see());
    put_remedy(out, h, c, host, b);
}

static void explain(struct explain_host *h, const struct predict_candidate *c, struct buf *words)
{
    const struct predict_host *host;
    struct predict_bind b = {0};
    struct err e;
    do {
        predict_bind_clear(&b);
        b = (struct predict_bind){0};
        if (explain_host_at(h, c->kind, c->port, &host, &e) < 0 || predict_bind(c, host, &b) < 0)
            break;
    } while (explain_bind_is_vague(&b) && explain_host_deepen(h));
    if (b.error == EADDRINUSE && b.blockers.len)
        put_holder(words, h, c, host, &b);
    predict_bind_clear(&b);
}

static void explain_ip(const struct target *t, const struct open_listen *how, struct buf *words)
{
    static const struct sockets_arguments here = {0};
    struct explain_host h;
    if (explain_host_open(&h, &command_explain_bind, &here) == 0) {
        struct predict_candidate c = candidate_of(&h, t, how);
        explain(&h, &c, words);
    }
    explain_host_close(&h);
}

/* UNIX names */

struct wanted {
    char path[128]; /* as in net_socket */
    size_t path_n;
};

static bool has_name(const struct net_socket *s, const struct wanted *w)
{
    return s->path_len == w->path_n && memcmp(s->path, w->path, w->path_n) == 0;
}

static const struct predict_holder *find_holder(const struct holding *h, const struct wanted *w)
{
    for (size_t i = 0; i < h->holders.all.len; i++) {
        const struct predict_holder *holder = vec_at(&h->holders.all, i);
        for (size_t k = 0; k < holder->sockets.len; k++) {
            const struct predict_held *held = vec_at(&holder->sockets, k);
            if (has_name(held->socket, w))
                return holder;
        }
    }
    return NULL;
}

static struct wanted wanted_of(const struct target *t)
{
    struct wanted w = {.path_n = 0};
    struct sockaddr_un un;
    size_t head = offsetof(struct sockaddr_un, sun_path);
    memcpy(&un, &t->address, sizeof un);
    if (t->address_n <= head)
        return w;
    w.path_n = t->address_n - head;
    memcpy(w.path, un.sun_path, w.path_n);
    if (!un.sun_path[0])
        w.path[0] = '@';
    else
        w.path_n = strnlen(w.path, w.path_n);
    return w;
}

static void explain_unix(const struct target *t, struct buf *words)
{
    static const struct sockets_arguments here = {0};
    const struct wanted w = wanted_of(t);
    struct holding h = {0};
    if (holding_read_filter(&h, &command_who, &here, "unix") == 0) {
        const struct predict_holder *holder = find_holder(&h, &w);
        if (holder && holder->pid) {
            holder_name(words, holder);
            buf_str(words, holder->pid == getpid() ? " has it; two of the endpoints given overlap"
                                                   : " has it; end it, or take another name");
        } else if (holder) {
            buf_printf(words, "a process that may not be seen (%s) has it; take another name",
                       privilege_to_see());
        }
    }
    holding_clear(&h);
}

void in_the_way_explain(struct err *e, const struct target *t, const struct open_listen *how)
{
    _cleanup_buf_ struct buf words = BUF_INIT(WORDS_MAX);
    struct net_addr addr;
    uint16_t port;
    if (e->code != EADDRINUSE)
        return;
    if (t->family == AF_UNIX)
        explain_unix(t, &words);
    else if (target_get_ip(&t->address, &addr, &port) && port)
        explain_ip(t, how, &words);
    if (words.len)
        snprintf(e->hint, sizeof e->hint, "%s", buf_cstr(&words));
}
