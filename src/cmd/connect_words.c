/* berth connect: how it went, in words on stderr.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/command.h"
#include "cmd/connect.h"
#include "cmd/refusal.h"

enum { LINE_MAX_BYTES = 1 << 14 };

static void put_target(struct buf *out, const struct target *t)
{
    _cleanup_buf_ struct buf name = BUF_INIT(512);
    target_format(&name, &t->address, t->address_n);
    text_escape(out, name.data, name.len);
}

static void put_text(struct buf *out, const char *text)
{
    text_escape(out, text, strlen(text));
}

static void put_time(struct buf *out, uint64_t from_ns, uint64_t to_ns)
{
    time_format_duration(out, to_ns > from_ns ? to_ns - from_ns : 0);
}

static void put_line(struct buf *line)
{
    buf_char(line, '\n');
    fwrite(line->data, 1, line->len, stderr);
    buf_clear(line);
}

void connect_tell_resolved(const struct connect *c)
{
    _cleanup_buf_ struct buf line = BUF_INIT(LINE_MAX_BYTES);
    const struct reach *r = &c->reach;
    buf_str(&line, "berth: resolved ");
    put_text(&line, c->proxy.used ? c->proxy.shown : c->word);
    buf_str(&line, " in ");
    put_time(&line, r->began_ns[REACH_RESOLVE], r->ended_ns[REACH_RESOLVE]);
    for (size_t i = 0; i < r->targets.len; i++) {
        buf_str(&line, i ? ", " : ": ");
        put_target(&line, vec_at(&r->targets, i));
    }
    put_line(&line);
}

static const char *protocol_of(const struct target *t)
{
    switch (t->family) {
    case AF_UNIX:
        return "unix";
    case AF_VSOCK:
        return "vsock";
    default:
        return t->type == SOCK_DGRAM ? "udp" : "tcp";
    }
}

static void put_ends(struct buf *out, const struct target *t, int fd)
{
    struct sockaddr_storage local;
    socklen_t n = sizeof local;
    _cleanup_buf_ struct buf name = BUF_INIT(512);
    if (t->family != AF_UNIX && getsockname(fd, (struct sockaddr *)&local, &n) == 0) {
        target_format(&name, &local, n);
        text_escape(out, name.data, name.len);
        buf_str(out, " to ");
    }
    put_target(out, t);
}

void connect_tell_connected(const struct connect *c)
{
    _cleanup_buf_ struct buf line = BUF_INIT(LINE_MAX_BYTES);
    const struct reach *r = &c->reach;
    const struct target *t = r->dial.winner->target;
    buf_printf(&line, "berth: connected %s ", protocol_of(t));
    put_ends(&line, t, reach_fd(r));
    buf_str(&line, " in ");
    put_time(&line, r->dial.winner->started_ns, r->dial.winner->ended_ns);
    put_line(&line);
    if (!c->proxy.used)
        return;
    buf_str(&line, "berth: the proxy has connected to ");
    put_text(&line, c->word);
    buf_str(&line, " in ");
    put_time(&line, r->began_ns[REACH_PROXY], r->ended_ns[REACH_PROXY]);
    put_line(&line);
}

void connect_tell_tls(const struct connect *c)
{
    _cleanup_buf_ struct buf line = BUF_INIT(LINE_MAX_BYTES);
    const struct reach *r = &c->reach;
    struct tls_info info;
    if (tls_handshake_info(&r->handshake, &info) < 0)
        return;
    if (c->arguments->tls.info) {
        tls_tell_info(&info, NULL);
    } else {
        tls_format_summary(&line, &info);
        buf_str(&line, " in ");
        put_time(&line, r->began_ns[REACH_TLS], r->ended_ns[REACH_TLS]);
        err_tell("%s", buf_cstr(&line));
    }
    tls_info_clear(&info);
}

/* Attempts */

static const char *reason_of(const struct err *e, struct buf *ret)
{
    const char *message = strerror(e->code);
    buf_clear(ret);
    if (e->worded) {
        put_text(ret, e->hint);
        return buf_cstr(ret);
    }
    buf_char(ret, (char)(message[0] | 0x20));
    buf_str(ret, message + 1);
    if (e->hint[0]) {
        buf_str(ret, ": ");
        put_text(ret, e->hint);
    }
    return buf_cstr(ret);
}

static void put_attempt(struct buf *out, const struct dial_attempt *a)
{
    _cleanup_buf_ struct buf reason = BUF_INIT(1 << 12);
    put_target(out, a->target);
    switch (a->state) {
    case DIAL_LEFT:
        buf_str(out, ": not tried");
        return;
    case DIAL_DROPPED:
        buf_str(out, ": no answer yet when another was connected, ");
        break;
    case DIAL_CONNECTED:
        buf_str(out, ": connected, ");
        break;
    case DIAL_FAILED:
        buf_printf(out, ": %s, ", reason_of(&a->error, &reason));
        break;
    case DIAL_TRIES:
        buf_str(out, ": no answer yet, ");
        break;
    }
    buf_str(out, "after ");
    put_time(out, a->started_ns, a->ended_ns);
}

void connect_tell_attempts(const struct connect *c)
{
    _cleanup_buf_ struct buf line = BUF_INIT(LINE_MAX_BYTES);
    for (size_t i = 0; i < c->reach.dial.n; i++) {
        buf_str(&line, "berth: ");
        put_attempt(&line, &c->reach.dial.attempts[i]);
        put_line(&line);
    }
}

/* Failure */

static bool is_forbidden(int error)
{
    return error == EACCES || error == EPERM;
}

static void tell_tries(const struct connect *c)
{
    _cleanup_buf_ struct buf time = BUF_INIT(64);
    put_time(&time, c->began_ns, time_monotonic_ns());
    err_tell("gave up after %s and %lu tries", buf_cstr(&time), c->tries);
}

/* Whether the user's own word is the only address that there is. */
static bool is_its_address(const struct connect *c)
{
    _cleanup_buf_ struct buf name = BUF_INIT(512);
    const struct target *t = c->reach.dial.attempts[0].target;
    target_format(&name, &t->address, t->address_n);
    return c->reach.dial.n == 1 && strcmp(buf_cstr(&name), c->word) == 0;
}

static void tell_unreachable(const struct connect *c, struct err *e)
{
    size_t n = c->reach.dial.n;
    if (c->proxy.used && strcmp(e->op, "connect to") == 0)
        snprintf(e->op, sizeof e->op, "connect to the proxy");
    else if (is_its_address(c) || strcmp(e->op, "connect to") != 0) {
        err_print(e, stderr);
        return;
    }
    snprintf(e->subject, sizeof e->subject, "%.*s", (int)sizeof e->subject - 1,
             c->proxy.used ? c->proxy.shown : c->word);
    if (n > 1)
        snprintf(e->hint, sizeof e->hint, "none of its %zu addresses can be reached", n);
    else if (!e->worded)
        e->hint[0] = '\0';
    err_print(e, stderr);
    if (!c->arguments->all)
        connect_tell_attempts(c);
}

static void tell_other(const struct connect *c, struct err *e)
{
    if (c->reach.stage == REACH_PROXY)
        snprintf(e->subject, sizeof e->subject, "%s", c->word);
    err_print(e, stderr);
}

static void find_why(const struct connect *c, struct buf *reason, struct buf *remedy)
{
    const struct dial_attempt *first = c->reach.dial.attempts;
    if (first && first->state == DIAL_FAILED && !c->proxy.used)
        refusal_find(&c->endpoint, first->target, first->error.code, reason, remedy);
}

static void tell_why(struct buf *reason, struct buf *remedy)
{
    if (reason->len)
        err_tell("%s", buf_cstr(reason));
    if (remedy->len)
        err_tell("what helps: %s", buf_cstr(remedy));
}

/* Where it is known why nobody answers, no guess stands beside it. */
static void tell_connecting(const struct connect *c, struct err *e)
{
    enum { WORDS_MAX = 1 << 12 };
    _cleanup_buf_ struct buf reason = BUF_INIT(WORDS_MAX), remedy = BUF_INIT(WORDS_MAX);
    find_why(c, &reason, &remedy);
    if (e->code == ETIMEDOUT && reason.len && !e->worded)
        e->hint[0] = '\0';
    tell_unreachable(c, e);
    tell_why(&reason, &remedy);
}

int connect_tell_failure(const struct connect *c)
{
    const struct reach *r = &c->reach;
    struct err e = r->error;
    if (c->arguments->tls.info && r->handshake.session)
        connect_tell_tls(c);
    if (r->stage == REACH_CONNECT)
        tell_connecting(c, &e);
    else
        tell_other(c, &e);
    if (c->tries > 1)
        tell_tries(c);
    return is_forbidden(e.code) ? EXIT_PERMISSION : EXIT_NO;
}
