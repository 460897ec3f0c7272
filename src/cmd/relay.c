/* berth relay: joins any two ends, for one conversation or for everybody who comes. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/time.h"
#include "cmd/commands.h"
#include "cmd/prefix_words.h"
#include "cmd/refusal.h"
#include "cmd/relay.h"

#define FIELD(member) offsetof(struct relay_arguments, member)

static const struct command_option relay_options[] = {
    {.name = "once",
     .letter = '1',
     .field = FIELD(once),
     .group = "Conversations",
     .help = "one, then the end; 1 if it failed"},
    {.name = "max-clients",
     .type = OPTION_UINT,
     .field = FIELD(max_clients),
     .metavar = "N",
     .min = 1,
     .max = 1 << 24,
     .help = "so many at once; the others wait in the queue"},
    {.name = "refuse", .field = FIELD(refuse), .help = "with --max-clients: the others are reset"},
    {.name = "allow",
     .type = OPTION_TEXTS,
     .field = FIELD(allow),
     .metavar = "ADDRESS[/N]|@FILE",
     .help = "only clients from there; a file has one a line"},
    {.name = "deny",
     .type = OPTION_TEXTS,
     .field = FIELD(deny),
     .metavar = "ADDRESS[/N]|@FILE",
     .help = "no clients from there, allowed or not"},
    {.name = "idle-timeout",
     .type = OPTION_DURATION,
     .field = FIELD(idle_ns),
     .metavar = "TIME",
     .help = "end one when nothing moves for so long"},
    {.name = "lifetime",
     .type = OPTION_DURATION,
     .field = FIELD(lifetime_ns),
     .metavar = "TIME",
     .help = "end one after so long"},
    {.name = "peer-timeout",
     .type = OPTION_DURATION,
     .field = FIELD(peer_idle_ns),
     .metavar = "TIME",
     .help = "forget a peer of listen:udp: that is silent for so long (60s)"},
    {.name = "rate",
     .type = OPTION_SIZE,
     .field = FIELD(rate_bytes),
     .metavar = "SIZE",
     .help = "at most so many bytes a second, in each direction"},
    {.name = "timeout",
     .letter = 't',
     .type = OPTION_DURATION,
     .field = FIELD(timeout_ns),
     .metavar = "TIME",
     .help = "how long connecting may take"},
    {.name = "grace",
     .type = OPTION_DURATION,
     .field = FIELD(grace_ns),
     .metavar = "TIME",
     .help = "after Ctrl-C or SIGTERM: how long conversations may take to end (2s)"},
    {.name = "mirror",
     .letter = 'm',
     .type = OPTION_TEXT,
     .field = FIELD(mirror),
     .metavar = "FILE",
     .completes = "file",
     .group = "Bytes",
     .help = "a copy of what both ends say"},
    {.name = "mirror-forth",
     .type = OPTION_TEXT,
     .field = FIELD(mirror_forth),
     .metavar = "FILE",
     .completes = "file",
     .help = "a copy of what A says"},
    {.name = "mirror-back",
     .type = OPTION_TEXT,
     .field = FIELD(mirror_back),
     .metavar = "FILE",
     .completes = "file",
     .help = "a copy of what B says"},
    {.name = "datagram-size",
     .type = OPTION_UINT,
     .field = FIELD(datagram_size),
     .metavar = "BYTES",
     .min = 1,
     .max = 65507,
     .help = "what comes from a stream of bytes is cut so for UDP (1400)"},
    {.name = "raw",
     .field = FIELD(raw),
     .help = "what comes from a socket goes to the terminal unescaped"},
    {.name = "ipv4",
     .letter = '4',
     .field = FIELD(ipv4),
     .group = "Addresses",
     .help = "IPv4 only"},
    {.name = "ipv6", .letter = '6', .field = FIELD(ipv6), .help = "IPv6 only"},
    {.name = "backlog",
     .type = OPTION_UINT,
     .field = FIELD(backlog),
     .metavar = "N",
     .min = 1,
     .max = INT32_MAX,
     .help = "clients that may wait in the queue; net.core.somaxconn is the limit and the default"},
    TLS_SERVER_OPTIONS(struct relay_arguments, tls, "TLS of ends that listen")
        TLS_CLIENT_OPTIONS(struct relay_arguments, tls_to, "tls-to", "TLS of ends that connect")
            FLOW_EVENTS_OPTIONS(struct relay_arguments) SOCKOPT_OPTIONS(struct relay_arguments){0},
};

static const struct relay_arguments defaults = {.grace_ns = 2000000000,
                                                .peer_idle_ns = PEERS_IDLE_S * UINT64_C(1000000000),
                                                .datagram_size = DGRAM_SIZE};

/* Events: of who comes to a listener always, of one conversation alone only for programs. */
void relay_tell(const struct relay *r, const struct event *e)
{
    if (r->listens || r->a->events.json || e->kind == EVENT_TROUBLE)
        flow_events_show(&r->a->events, e);
}

static int status_of(const struct talk *t)
{
    for (int i = 0; i < SIDES; i++)
        if (t->sides[i].far.end.child.status)
            return t->sides[i].far.end.child.status;
    return 0;
}

/* Of who came, and failed in the handshake. */
static void tell_refused(struct relay *r, const struct talk *t)
{
    struct event e = talk_event(t, EVENT_REFUSED);
    r->refused++;
    e.error = t->error;
    e.words = t->words                ? t->words
              : t->why == WHY_STOPPED ? "stopped in TLS's handshake"
                                      : "it can't be served";
    relay_tell(r, &e);
}

static void tell_closed(struct relay *r, const struct talk *t, int status)
{
    if (!t->told && t->sides[t->near].listener) {
        tell_refused(r, t);
        return;
    }
    struct event e = talk_event(t, EVENT_CLOSED);
    const struct pump *in = t->near == 0 ? &t->pair.ab : &t->pair.ba;
    const struct pump *out = t->near == 0 ? &t->pair.ba : &t->pair.ab;
    e.why = t->why == WHY_ENDED && status ? WHY_EXITED : t->why;
    e.error = t->error;
    e.status = status;
    e.words = t->words;
    e.bytes_in = (int64_t)in->bytes;
    e.bytes_out = (int64_t)out->bytes;
    e.duration_ns = time_monotonic_ns() - t->started_ns;
    relay_tell(r, &e);
}

/* Where an end of this host couldn't be reached: who has its port. */
static void tell_why(const struct talk *t, int error)
{
    for (int i = 0; i < SIDES && t->why == WHY_FAR_FAILED; i++) {
        const struct relay_side *s = &t->relay->sides[i];
        if (s->plan.targets.len && !t->sides[i].there)
            refusal_tell(&s->endpoint, vec_at(&s->plan.targets, 0), error);
    }
}

/* Of a conversation alone: what went wrong. */
static void tell_trouble(const struct talk *t)
{
    struct err e = t->trouble;
    bool failed = t->why == WHY_PEER_FAILED || t->why == WHY_FAR_FAILED;
    if (!e.code && failed && t->words)
        err_word(&e, t->error, "go on with",
                 t->relay->sides[t->why == WHY_PEER_FAILED ? t->near : !t->near].word, "%s",
                 t->words);
    if (!e.code && failed)
        err_set(&e, t->error, "go on with",
                t->relay->sides[t->why == WHY_PEER_FAILED ? t->near : !t->near].word, NULL);
    if (e.code) {
        err_print(&e, stderr);
        tell_why(t, e.code);
    } else if (t->why == WHY_IDLE)
        err_tell("ended: nothing moved for --idle-timeout");
    else if (t->why == WHY_LIFETIME)
        err_tell("ended: its --lifetime is over");
}

void relay_talk_over(struct relay *r, const struct talk *t)
{
    int status = status_of(t);
    r->bytes_forth += t->pair.ab.bytes;
    r->bytes_back += t->pair.ba.bytes;
    if (t->why != WHY_ENDED || (status && !t->keyed))
        r->failed = true;
    tell_closed(r, t, status);
    if (!r->listens && !r->a->events.json && !r->a->events.quiet)
        tell_trouble(t);
    if (r->n_talks == 0 && (r->single || r->stopping))
        loop_stop(&r->loop);
    else if (!r->stopping)
        relay_ends_resume(r);
}

/* The end */

static void stop_talks(struct relay *r)
{
    for (struct talk *t = r->talks, *next; t; t = next) {
        next = t->next; /* one ends no other */
        talk_stop(t, WHY_STOPPED);
    }
}

static void grace_over(struct loop *l, struct loop_timer *timer)
{
    struct relay *r = (struct relay *)((char *)timer - offsetof(struct relay, grace));
    if (r->pressed) {
        loop_stop(l);
        return;
    }
    r->pressed = true;
    stop_talks(r);
    if (r->n_talks == 0 || loop_timer_after(l, timer, defaults.grace_ns) < 0)
        loop_stop(l);
}

static void resize(struct relay *r)
{
    struct winsize size;
    if (!r->keyboard.kept || ioctl(r->keyboard.fd, TIOCGWINSZ, &size) < 0)
        return;
    for (struct talk *t = r->talks; t; t = t->next)
        for (int i = 0; i < SIDES; i++)
            end_resize(t->sides[i].stream, &size);
}

/* Peers of UDP don't say when they end: there is nothing to wait for. */
static void stop_peers(struct relay *r)
{
    for (struct talk *t = r->talks, *next; t; t = next) {
        next = t->next;
        if (!t->over && (t->sides[0].peer.stream || t->sides[1].peer.stream))
            talk_stop(t, WHY_STOPPED);
    }
}

static void tell_stopping(const struct relay *r)
{
    if (r->listens || r->a->events.json)
        flow_events_stopping(&r->a->events, r->n_talks, r->listens ? r->a->grace_ns : 0);
}

static void came(struct loop *l, struct signals *s, int signal)
{
    struct relay *r = (struct relay *)((char *)s - offsetof(struct relay, signals));
    if (signal == SIGWINCH) {
        resize(r);
        return;
    }
    bool first = !r->stopping, again = r->stopping || !r->listens;
    r->stopping = true;
    relay_ends_stop(r);
    stop_peers(r);
    if (first)
        tell_stopping(r);
    if (r->n_talks == 0)
        loop_stop(l);
    else if (again || r->a->grace_ns == 0 || loop_timer_after(l, &r->grace, r->a->grace_ns) < 0)
        grace_over(l, &r->grace);
}

/* The run */

static bool is_terminal_of_ours(enum endpoint_scheme scheme)
{
    return scheme == ENDPOINT_PTY || scheme == ENDPOINT_SERIAL;
}

/* Each key goes to the program or the line at the other end, which makes of it what it wants. */
static void take_keyboard(struct relay *r)
{
    for (int i = 0; i < SIDES; i++)
        if (r->sides[i].endpoint.scheme == ENDPOINT_STDIO &&
            is_terminal_of_ours(r->sides[!i].endpoint.scheme) && isatty(STDIN_FILENO) &&
            terminal_make_raw(&r->keyboard, STDIN_FILENO) == 0 && !r->a->events.quiet &&
            !r->a->events.json)
            fputs("Ctrl-] ends it.\r\n", stderr);
}

static int fail(const struct relay *r, int result)
{
    struct err e;
    err_set(&e, -result, "relay", "", NULL);
    flow_events_err(&r->a->events, EVENT_FAILED, &e);
    return EXIT_NO;
}

static int start(struct relay *r)
{
    static const int more[] = {SIGWINCH, 0};
    int result = loop_init(&r->loop);
    r->signals.came = came;
    r->grace.fire = grace_over;
    if (result == 0)
        result = signals_start(&r->loop, &r->signals, more);
    r->scratch = malloc(PUMP_SCRATCH);
    if (result == 0 && !r->scratch)
        result = -ENOMEM;
    return result == 0 ? relay_ends_start(r) : result;
}

static void tell_totals(struct relay *r)
{
    relay_tell(r, &(struct event){.kind = EVENT_TOTALS,
                                  .clients = r->last_id,
                                  .refused = r->refused,
                                  .bytes_in = (int64_t)r->bytes_forth,
                                  .bytes_out = (int64_t)r->bytes_back,
                                  .duration_ns = time_monotonic_ns() - r->started_ns});
}

static int run_relay(struct relay *r)
{
    int result = start(r);
    if (result == 0 && !r->listens && !talk_new(r))
        result = -ENOMEM;
    if (result < 0)
        return fail(r, result);
    take_keyboard(r);
    result = loop_run(&r->loop);
    if (result < 0)
        return fail(r, result);
    if (!r->single)
        tell_totals(r);
    return r->single && r->failed ? EXIT_NO : EXIT_YES;
}

static void clear(struct relay *r)
{
    r->stopping = true;
    if (r->scratch)
        stop_talks(r);
    while (r->talks)
        talk_drop(r->talks);
    relay_ends_close(r);
    relay_mirrors_close(r);
    terminal_restore(&r->keyboard);
    if (r->signals.watch.active)
        signals_stop(&r->loop, &r->signals);
    if (r->scratch) {
        loop_timer_stop(&r->loop, &r->grace);
        loop_clear(&r->loop);
    }
    free(r->scratch);
    vec_free(&r->allow);
    vec_free(&r->deny);
}

static int check(const struct relay_arguments *a)
{
    if (a->ipv4 && a->ipv6)
        return command_usage_error(&command_relay, "only one of --ipv4 and --ipv6 can be given");
    if (a->refuse && !a->max_clients)
        return command_usage_error(&command_relay, "--refuse goes with --max-clients");
    return 0;
}

static int run(const void *arguments, const struct command_words *words)
{
    const struct relay_arguments *a = arguments;
    struct relay r = {.a = a,
                      .shared = {.max = (uint32_t)a->max_clients, .refuse = a->refuse},
                      .allow = VEC_INIT(struct net_prefix),
                      .deny = VEC_INIT(struct net_prefix),
                      .started_ns = time_monotonic_ns()};
    r.shared.allow = &r.allow;
    r.shared.deny = &r.deny;
    for (int i = 0; i < SIDES; i++) {
        r.sides[i].listeners = VEC_INIT(struct listener);
    }
    int status = check(a);
    if (status == 0)
        status = sockopt_options_read(&command_relay, &a->options, &r.options);
    if (status == 0)
        status = prefix_words_read(&command_relay, &r.allow, &a->allow, "--allow", &a->events);
    if (status == 0)
        status = prefix_words_read(&command_relay, &r.deny, &a->deny, "--deny", &a->events);
    if (status == 0)
        status = relay_ends_open(&r, words);
    if (status == 0)
        status = relay_mirrors_open(&r);
    if (status == 0)
        status = run_relay(&r);
    clear(&r);
    return status;
}

const struct command command_relay = {
    .name = "relay",
    .group = "Open",
    .summary = "join any two ends, or everybody who comes to one of them",
    .usage = "A B",
    .description =
        "Carries bytes both ways between A and B, any two ends that berth-endpoint(7) tells of: "
        "connections, datagrams, files, processes, serial lines, standard input and output (-). "
        "When one end has said all it had, the other is told by a half-close, and what that one "
        "still says comes through.\n\n"
        "With listen: before it, an end is a place where clients come. Each of them gets an other "
        "end of its own: a connection, a process. If both are such places, the first client of "
        "one is joined to the first of the other.",
    .options = relay_options,
    .arguments_size = sizeof(struct relay_arguments),
    .defaults = &defaults,
    .min_words = 2,
    .max_words = 2,
    .run = run,
};
