#include "cmd/refusal.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "cmd/commands.h"
#include "cmd/explain_connect.h"
#include "cmd/explain_words.h"

enum { NAMED = 4, WORDS_MAX = 1 << 12 };

/* An address that a socket can be bound to is this host's: the cheap half of the question, so that
 * nothing is read for others. By UDP, since the sandbox lets nobody bind TCP. */
static bool is_own(const struct target *t)
{
    struct target own = *t;
    struct net_addr a;
    uint16_t port;
    if (t->type != SOCK_STREAM || !target_get_ip(&t->address, &a, &port))
        return false;
    target_set_ip(&own, &a, 0);
    _cleanup_fd_ int fd = socket(t->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    /* EADDRINUSE: the kernel has no port left to choose. */
    return bind(fd, (const struct sockaddr *)&own.address, own.address_n) == 0 ||
           errno == EADDRINUSE;
}

/* Those whose answer can be had from this host's sockets. */
static bool is_explained(int error)
{
    return error == ECONNREFUSED || error == ETIMEDOUT || error == EADDRNOTAVAIL;
}

/* "nginx[812] of root listens on 127.0.0.2:7000: it has another address" */
static void put_others(struct buf *out, struct explain_host *h, const struct vec *others)
{
    for (size_t i = 0; i < others->len && i < NAMED; i++) {
        const struct predict_other *o = vec_at(others, i);
        buf_str(out, i ? "; " : "");
        explain_put_socket(out, h, o->socket);
        buf_printf(out, ": %s", explain_loss(o->loss));
    }
    if (others->len > NAMED)
        buf_printf(out, "; and %zu others", others->len - NAMED);
}

static void put_reason(struct buf *out, struct explain_host *h, const struct connect_answer *a)
{
    const struct predict_connect *c = &a->connect;
    if (a->exhausted == TRI_YES) {
        buf_str(out, "every port that it could come from is taken (net.ipv4.ip_local_port_range)");
    } else if (c->outcome == CONNECT_DROPPED && c->silence == SILENCE_LOOPBACK_DOWN) {
        buf_str(out,
                "the loopback interface is down, through which all goes that stays on this host");
    } else if (c->outcome == CONNECT_DROPPED && c->receiver.socket) {
        explain_put_owner(out, h, c->receiver.socket);
        buf_str(out, " doesn't accept: ");
        explain_put_waiting(out, c->waiting);
        buf_printf(out, ", and there is room for %llu", (unsigned long long)c->room + 1);
    } else if (c->outcome == CONNECT_REFUSED && a->bound) {
        explain_put_socket(out, h, a->bound);
    } else if (c->outcome == CONNECT_REFUSED) {
        put_others(out, h, &c->receiver.others);
    }
}

static void put_remedy(struct buf *out, struct connect_question *q, const struct connect_answer *a)
{
    struct vec remedies = VEC_INIT(char *);
    if (explain_connect_remedies(q, a, &remedies) == 0 && remedies.len)
        buf_str(out, *(char **)vec_at(&remedies, 0));
    explain_connect_free_remedies(&remedies);
}

static void answer(struct connect_question *q, const struct target *t, int error,
                   struct buf *reason, struct buf *remedy)
{
    struct err e = {0};
    struct connect_answer *a = vec_push(&q->answers);
    if (!a || explain_connect_answer(q, t, a, &e) < 0)
        return;
    if (error == EADDRNOTAVAIL &&
        explain_ask_ports_left(q->host, &a->connection, &a->route.source, &a->exhausted, &e) < 0)
        return;
    if (a->exhausted == TRI_YES) {
        a->connect.outcome = CONNECT_BLOCKED;
        a->connect.error = error;
    }
    put_reason(reason, q->host, a);
    if (reason->len)
        put_remedy(remedy, q, a);
}

void refusal_find(const struct endpoint *ep, const struct target *t, int error, struct buf *reason,
                  struct buf *remedy)
{
    static const struct explain_connect_arguments none = {0};
    struct explain_host host;
    if (!is_explained(error) || !is_own(t))
        return;
    struct connect_question q = {.arguments = &none,
                                 .host = &host,
                                 .endpoint = ep,
                                 .followed = true, /* the host's own sockets alone */
                                 .answers = VEC_INIT(struct connect_answer)};
    if (explain_host_open(&host, &command_explain_connect, &none.sockets) == 0)
        answer(&q, t, error, reason, remedy);
    explain_connect_question_clear(&q);
    explain_host_close(&host);
}

void refusal_explain(const struct endpoint *ep, const struct target *t, int error, struct buf *out)
{
    _cleanup_buf_ struct buf remedy = BUF_INIT(WORDS_MAX);
    refusal_find(ep, t, error, out, &remedy);
    if (remedy.len)
        buf_printf(out, "; what helps: %s", buf_cstr(&remedy));
}

void refusal_tell(const struct endpoint *ep, const struct target *t, int error)
{
    _cleanup_buf_ struct buf reason = BUF_INIT(WORDS_MAX), remedy = BUF_INIT(WORDS_MAX);
    refusal_find(ep, t, error, &reason, &remedy);
    if (reason.len)
        err_tell("%s", buf_cstr(&reason));
    if (remedy.len)
        err_tell("what helps: %s", buf_cstr(&remedy));
}
