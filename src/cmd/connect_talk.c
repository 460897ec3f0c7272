/* berth connect: the conversation between standard input and output, or what stands in for them,
 * and the peer.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"
#include "cli/command.h"
#include "cmd/connect.h"
#include "cmd/connect_progress.h"
#include "flow/dgram.h"
#include "flow/hook_crlf.h"
#include "flow/hook_escape.h"
#include "flow/hook_expect.h"
#include "flow/pair.h"
#include "flow/signals.h"

struct talk {
    struct connect *connect;
    const struct connect_arguments *arguments;
    struct pair pair;
    struct dgram dgram; /* of a peer that hears datagrams */
    struct tls_fault fault;
    struct hook_crlf crlf;
    struct hook_escape escape;
    struct hook_expect expect;
    struct loop_timer hold, linger, deadline;
    struct signals signals;
    struct progress progress;
    int signal;    /* that ended it */
    bool too_late; /* what was expected didn't come in time */
};

/* Hooks */

static void add_hook(struct pump *p, struct pump_hook *h)
{
    struct pump_hook **at = &p->hooks;
    while (*at)
        at = &(*at)->next;
    *at = h;
}

static int init_hooks(struct talk *t)
{
    const struct connect_arguments *a = t->arguments;
    hook_crlf_init(&t->crlf);
    hook_escape_init(&t->escape);
    if (a->expect) {
        int result = hook_expect_init(&t->expect, &t->pair.ba, a->expect, NULL, 0);
        if (result < 0)
            return result;
        add_hook(&t->pair.ba, &t->expect.hook);
    }
    if (a->replay)
        add_hook(&t->pair.ba, &t->connect->replay.heard);
    if (recorder_wanted(&t->connect->recorder))
        add_hook(&t->pair.ba, &t->connect->recorder.received.hook);
    if (!a->raw && t->pair.a.out_kind == STREAM_TERMINAL)
        add_hook(&t->pair.ba, &t->escape.hook);
    if (a->crlf)
        add_hook(&t->pair.ab, &t->crlf.hook);
    if (recorder_wanted(&t->connect->recorder))
        add_hook(&t->pair.ab, &t->connect->recorder.sent.hook);
    return 0;
}

static void clear_hooks(struct talk *t)
{
    hook_crlf_clear(&t->crlf);
    hook_escape_clear(&t->escape);
    hook_expect_clear(&t->expect);
}

/* Streams */

static void init_near(struct stream *s, int input)
{
    stream_init_shared(s, input, STDOUT_FILENO);
    if (s->in_kind == STREAM_NONE) { /* nothing to send: its end is there already */
        s->in = -1;
        s->ended = s->can_read = true;
    }
}

/* What a person types goes at once, and so does what one has typed once. */
static void set_nodelay(const struct connect *c, int fd)
{
    int one = 1;
    if ((isatty(c->input) || c->arguments->replay) && !sockopt_given(&c->options, SOCKOPT_NODELAY))
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* fails where it isn't TCP */
}

/* Ends */

/* A peer that has said all it had may still listen: only trying tells it from one that is gone. So
 * a file is sent to its end, what comes through a pipe as long as it comes, and a person is let go.
 */
static enum pair_on_end after_peer(const struct stream *near)
{
    switch (near->in_kind) {
    case STREAM_FILE:
        return PAIR_PASS;
    case STREAM_TERMINAL:
    case STREAM_NONE:
        return PAIR_END;
    default:
        return PAIR_LEAVE;
    }
}

static bool has_datagrams(const struct talk *t)
{
    enum endpoint_scheme s = t->connect->endpoint.scheme;
    return s == ENDPOINT_UDP || s == ENDPOINT_UNIX_DGRAM || s == ENDPOINT_UNIX_SEQPACKET;
}

static void tell_trouble(struct dgram *d, enum dgram_trouble what)
{
    (void)d;
    err_tell("%s", dgram_trouble_words(what));
}

static void init_far(struct talk *t)
{
    struct stream *far = &t->pair.b;
    reach_take(&t->connect->loop, &t->connect->reach, far, &t->fault);
    if (!has_datagrams(t))
        return;
    dgram_init_stream(&t->dgram, far, far->in);
    t->dgram.trouble = tell_trouble;
    dgram_join(&t->pair, NULL, &t->dgram);
}

/* Datagrams have no end: when there is no more to send, what the peer still says is awaited for a
 * while. */
static void set_ends(struct talk *t)
{
    bool endless = has_datagrams(t) && t->connect->endpoint.scheme != ENDPOINT_UNIX_SEQPACKET;
    t->pair.on_a_end = t->arguments->half_close == HALF_CLOSE_NO ? PAIR_KEEP
                       : endless                                 ? PAIR_LEAVE
                                                                 : PAIR_PASS;
    t->pair.on_b_end = after_peer(&t->pair.a);
    t->pair.lingers = true;
}

static void hold_over(struct loop *l, struct loop_timer *timer)
{
    struct talk *t = (struct talk *)((char *)timer - offsetof(struct talk, hold));
    set_ends(t);
    pair_wake(l, &t->pair);
}

static void linger_over(struct loop *l, struct loop_timer *timer)
{
    struct talk *t = (struct talk *)((char *)timer - offsetof(struct talk, linger));
    pair_stop(l, &t->pair);
}

static void deadline_over(struct loop *l, struct loop_timer *timer)
{
    struct talk *t = (struct talk *)((char *)timer - offsetof(struct talk, deadline));
    t->too_late = true;
    pair_stop(l, &t->pair);
}

static void passed(struct loop *l, struct pair *p, const struct pump *direction)
{
    struct talk *t = (struct talk *)((char *)p - offsetof(struct talk, pair));
    const struct sockopt_set *options = &t->connect->options;
    if (direction == &p->ab && sockopt_given(options, SOCKOPT_LINGER))
        loop_timer_after(l, &t->linger, (uint64_t)options->numbers[SOCKOPT_LINGER] * 1000000000);
}

static void over(struct loop *l, struct pair *p)
{
    (void)p;
    loop_stop(l);
}

static void signal_came(struct loop *l, struct signals *s, int number)
{
    struct talk *t = (struct talk *)((char *)s - offsetof(struct talk, signals));
    t->signal = number;
    pair_stop(l, &t->pair);
}

static int set_timers(struct talk *t)
{
    const struct connect_arguments *a = t->arguments;
    struct loop *l = &t->connect->loop;
    int result = 0;
    t->hold.fire = hold_over;
    t->linger.fire = linger_over;
    t->deadline.fire = deadline_over;
    l->now_ns = time_monotonic_ns();
    if (a->hold_ns) {
        t->pair.on_a_end = t->pair.on_b_end = PAIR_HOLD;
        result = loop_timer_after(l, &t->hold, a->hold_ns);
    }
    if (result == 0 && a->expect && a->timeout_ns)
        result = loop_timer_set(l, &t->deadline, t->connect->began_ns + a->timeout_ns);
    return result;
}

static void stop_timers(struct talk *t)
{
    struct loop *l = &t->connect->loop;
    loop_timer_stop(l, &t->hold);
    loop_timer_stop(l, &t->linger);
    loop_timer_stop(l, &t->deadline);
}

/* How it ended */

static void tell_end(const struct talk *t)
{
    _cleanup_buf_ struct buf time = BUF_INIT(64);
    time_format_duration(&time, time_monotonic_ns() - t->pair.started_ns);
    err_tell("ended after %s: %lu byte%s sent, %lu received", buf_cstr(&time), t->pair.ab.bytes,
             t->pair.ab.bytes == 1 ? "" : "s", t->pair.ba.bytes);
}

static int fail(const char *op, const char *subject, int error, const char *hint)
{
    struct err e;
    err_set(&e, error, op, subject, hint ? "%s" : NULL, hint);
    err_print(&e, stderr);
    return EXIT_NO;
}

static const char *loss_hint(int error)
{
    switch (error) {
    case ECONNRESET:
        return "the peer, or something between, broke the connection off";
    case ECONNREFUSED: /* of UDP: ICMP's port unreachable */
        return "its host says that nobody listens there";
    case EPIPE:
        return "the peer doesn't read any more";
    case ETIMEDOUT:
        return "the peer doesn't answer any more";
    default:
        return NULL;
    }
}

static int fail_near(const struct talk *t)
{
    if (t->pair.ba.failed_writing)
        return command_output_status(-t->pair.error, EXIT_YES);
    return fail("read", t->arguments->send_file ? t->arguments->send_file : "standard input",
                t->pair.error, NULL);
}

/* What was wrong with TLS, with its end too. */
static int fail_tls(const struct talk *t)
{
    struct err e;
    err_word(&e, EPROTO, "go on with", t->connect->word, "%s", tls_fault_words(t->fault));
    err_print(&e, stderr);
    return EXIT_NO;
}

static int status_of_end(const struct talk *t)
{
    if (t->fault.kind && t->pair.why != PAIR_A_FAILED)
        return fail_tls(t);
    switch (t->pair.why) {
    case PAIR_A_FAILED:
        return fail_near(t);
    case PAIR_B_FAILED:
        return fail("go on with", t->connect->word, t->pair.error, loss_hint(t->pair.error));
    case PAIR_IDLE:
        return fail("go on with", t->connect->word, ETIMEDOUT, "nothing moved for --idle-timeout");
    default:
        return EXIT_YES;
    }
}

/* With --expect, whether it came is the answer. */
static int status_of(const struct talk *t)
{
    if (!t->arguments->expect)
        return status_of_end(t);
    if (t->expect.found)
        return EXIT_YES;
    struct err e;
    if (t->too_late) {
        err_word(&e, ETIMEDOUT, "find", t->arguments->expect,
                 "it didn't come within --timeout, after %lu byte%s", t->pair.ba.bytes,
                 t->pair.ba.bytes == 1 ? "" : "s");
    } else {
        status_of_end(t);
        err_word(&e, ENODATA, "find", t->arguments->expect,
                 "the conversation ended without it, after %lu byte%s", t->pair.ba.bytes,
                 t->pair.ba.bytes == 1 ? "" : "s");
    }
    err_print(&e, stderr);
    return EXIT_NO;
}

/* As if the signal had not been caught. */
static void die_of(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

static int run(struct talk *t, char *scratch)
{
    struct loop *l = &t->connect->loop;
    t->signals.came = signal_came;
    int result = signals_start(l, &t->signals, NULL);
    if (result < 0)
        return fail("start", "", -result, NULL);
    result = pair_start(l, &t->pair, scratch);
    if (result == 0 && t->arguments->replay)
        replay_start(l, &t->connect->replay);
    if (result == 0 && t->arguments->progress)
        progress_start(l, &t->progress, &t->pair, t->connect->input);
    if (result == 0)
        result = loop_run(l);
    progress_stop(l, &t->progress);
    if (result < 0)
        pair_stop(l, &t->pair);
    signals_stop(l, &t->signals);
    signals_release(&t->signals);
    if (result < 0)
        return fail("start", "", -result, NULL);
    if (t->arguments->verbose)
        tell_end(t);
    return status_of(t);
}

int connect_talk(struct connect *c)
{
    struct talk t = {.connect = c, .arguments = c->arguments};
    char *scratch = malloc(PUMP_SCRATCH);
    c->recorder.began_ns = time_monotonic_ns();
    pair_init(&t.pair);
    set_nodelay(c, reach_fd(&c->reach));
    init_near(&t.pair.a, c->input);
    init_far(&t);
    t.pair.over = over;
    t.pair.passed = passed;
    t.pair.a_must_listen = true;
    t.pair.idle_ns = c->arguments->idle_ns;
    set_ends(&t);
    int result = scratch ? init_hooks(&t) : -ENOMEM;
    if (result == 0)
        result = set_timers(&t);
    int status = result < 0 ? fail("start", "", -result, NULL) : run(&t, scratch);
    if (t.pair.why == PAIR_RUNS) {
        stream_close(&c->loop, &t.pair.a);
        stream_close(&c->loop, &t.pair.b);
    }
    stop_timers(&t);
    clear_hooks(&t);
    free(scratch);
    if (t.signal)
        die_of(t.signal);
    return status;
}
