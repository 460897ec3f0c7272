/* berth listen: opens listeners and serves their clients, each in the way that was chosen. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/time.h"
#include "cmd/commands.h"
#include "cmd/listen.h"
#include "cmd/prefix_words.h"
#include "flow/activation.h"

static const char *const proxy_versions[] = {"no", "1", "2", NULL};

static const struct command_option listen_options[] = {
    {.name = "echo",
     .field = offsetof(struct listen_arguments, echo),
     .group = "What a client gets (else standard input and output)",
     .help = "its own words back"},
    {.name = "reply",
     .type = OPTION_TEXT,
     .field = offsetof(struct listen_arguments, reply),
     .metavar = "TEXT",
     .help = "this text, then the end; escapes as in printf, {local} {peer} {id} {time} filled in"},
    {.name = "discard",
     .field = offsetof(struct listen_arguments, discard),
     .help = "nothing; what it sends is dropped"},
    {.name = "exec",
     .letter = 'e',
     .type = OPTION_TEXT,
     .field = offsetof(struct listen_arguments, exec),
     .metavar = "COMMAND",
     .completes = "command",
     .help = "a process of its own, the connection as standard input and output; no shell"},
    {.name = "shell",
     .field = offsetof(struct listen_arguments, shell),
     .help = "with --exec: /bin/sh runs the command"},
    {.name = "forward",
     .type = OPTION_TEXT,
     .field = offsetof(struct listen_arguments, forward),
     .metavar = "ENDPOINT",
     .help = "a far end of its own: a connection to there, a file, a process …"},
    {.name = "chat",
     .field = offsetof(struct listen_arguments, chat),
     .help = "the lines of all the others"},
    {.name = "save",
     .type = OPTION_TEXT,
     .field = offsetof(struct listen_arguments, save),
     .metavar = "DIR",
     .completes = "directory",
     .help = "nothing; what it sends goes into a file of its own there"},
    {.name = "handoff",
     .type = OPTION_TEXT,
     .field = offsetof(struct listen_arguments, handoff),
     .metavar = "PATH",
     .completes = "file",
     .help = "another process, that listens at this UNIX socket and takes the descriptor"},
    {.name = "raw",
     .field = offsetof(struct listen_arguments, raw),
     .help = "what clients send goes to the terminal unescaped"},
    {.name = "once",
     .letter = '1',
     .field = offsetof(struct listen_arguments, once),
     .group = "Clients",
     .help = "one client, then end; 1 if that failed"},
    {.name = "max-clients",
     .type = OPTION_UINT,
     .field = offsetof(struct listen_arguments, max_clients),
     .metavar = "N",
     .min = 1,
     .max = 1 << 24,
     .help = "so many at once; the others wait in the queue"},
    {.name = "refuse",
     .field = offsetof(struct listen_arguments, refuse),
     .help = "with --max-clients: the others are reset"},
    {.name = "allow",
     .type = OPTION_TEXTS,
     .field = offsetof(struct listen_arguments, allow),
     .metavar = "ADDRESS[/N]|@FILE",
     .help = "only clients from there; a file has one a line"},
    {.name = "deny",
     .type = OPTION_TEXTS,
     .field = offsetof(struct listen_arguments, deny),
     .metavar = "ADDRESS[/N]|@FILE",
     .help = "no clients from there, allowed or not"},
    {.name = "idle-timeout",
     .type = OPTION_DURATION,
     .field = offsetof(struct listen_arguments, idle_ns),
     .metavar = "TIME",
     .help = "end a client when nothing moves for so long"},
    {.name = "lifetime",
     .type = OPTION_DURATION,
     .field = offsetof(struct listen_arguments, lifetime_ns),
     .metavar = "TIME",
     .help = "end a client after so long"},
    {.name = "rate",
     .type = OPTION_SIZE,
     .field = offsetof(struct listen_arguments, rate_bytes),
     .metavar = "SIZE",
     .help = "at most so many bytes a second, for each client and direction"},
    {.name = "grace",
     .type = OPTION_DURATION,
     .field = offsetof(struct listen_arguments, grace_ns),
     .metavar = "TIME",
     .help = "after Ctrl-C or SIGTERM: how long clients may take to end (2s)"},
    {.name = "proxy-protocol",
     .field = offsetof(struct listen_arguments, proxy_protocol),
     .help = "clients begin with a PROXY header, version 1 or 2; their addresses are those in it"},
    {.name = "send-proxy",
     .type = OPTION_CHOICE,
     .field = offsetof(struct listen_arguments, send_proxy),
     .choices = proxy_versions,
     .help = "with --forward: a PROXY header of this version goes first"},
    {.name = "first",
     .field = offsetof(struct listen_arguments, first),
     .group = "Where to listen",
     .help = "only the first address of an endpoint that is free"},
    {.name = "ipv4",
     .letter = '4',
     .field = offsetof(struct listen_arguments, ipv4),
     .help = "IPv4 only"},
    {.name = "ipv6",
     .letter = '6',
     .field = offsetof(struct listen_arguments, ipv6),
     .help = "IPv6 only"},
    {.name = "backlog",
     .type = OPTION_UINT,
     .field = offsetof(struct listen_arguments, backlog),
     .metavar = "N",
     .min = 1,
     .max = INT32_MAX,
     .help = "clients that may wait in the queue; net.core.somaxconn is the limit and the default"},
    {.name = "workers",
     .type = OPTION_UINT,
     .field = offsetof(struct listen_arguments, workers),
     .metavar = "N",
     .min = 1,
     .max = 256,
     .help = "threads, each with a listener of its own (SO_REUSEPORT)"},
    CONFINE_OPTIONS(struct listen_arguments) TLS_SERVER_OPTIONS(struct listen_arguments, tls, "TLS")
        FLOW_EVENTS_OPTIONS(struct listen_arguments) SOCKOPT_OPTIONS(struct listen_arguments){0},
};

/* What the options choose */

static int choose_mode(struct server *s)
{
    const struct listen_arguments *a = s->a;
    const struct {
        bool given;
        enum listen_kind kind;
    } modes[] = {
        {a->echo, LISTEN_ECHO},
        {a->reply != NULL, LISTEN_REPLY},
        {a->discard, LISTEN_DISCARD},
        {a->exec != NULL, LISTEN_EXEC},
        {a->forward != NULL, LISTEN_FORWARD},
        {a->chat, LISTEN_CHAT},
        {a->save != NULL, LISTEN_SAVE},
        {a->handoff != NULL, LISTEN_HANDOFF},
    };
    int n = 0;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (!modes[i].given)
            continue;
        s->kind = modes[i].kind;
        n++;
    }
    s->mode = listen_modes[s->kind];
    return n <= 1 ? 0
                  : command_usage_error(&command_listen,
                                        "a client gets one thing: --echo, --reply, --discard, "
                                        "--exec, --forward, --chat, --save or --handoff");
}

static int check(const struct server *s)
{
    const struct listen_arguments *a = s->a;
    if (a->shell && !a->exec)
        return command_usage_error(&command_listen, "--shell goes with --exec");
    if (a->send_proxy && !a->forward)
        return command_usage_error(&command_listen, "--send-proxy goes with --forward");
    if (a->refuse && !a->max_clients)
        return command_usage_error(&command_listen, "--refuse goes with --max-clients");
    if (a->ipv4 && a->ipv6)
        return command_usage_error(&command_listen, "only one of --ipv4 and --ipv6 can be given");
    if (a->workers > 1 && (s->mode->alone || s->once))
        return command_usage_error(&command_listen,
                                   "--workers doesn't go with --once, --chat, or standard input");
    return 0;
}

static int prepare_mode(struct server *s)
{
    switch (s->kind) {
    case LISTEN_REPLY:
        return listen_reply_prepare(s);
    case LISTEN_EXEC:
        return listen_exec_prepare(s);
    case LISTEN_SAVE:
        return listen_save_prepare(s);
    case LISTEN_FORWARD:
        return listen_forward_prepare(s);
    case LISTEN_HANDOFF:
        return listen_handoff_prepare(s);
    default:
        return 0;
    }
}

static int prepare(struct server *s)
{
    int status = choose_mode(s);
    s->accept.max = (uint32_t)s->a->max_clients;
    if (status == 0)
        status = check(s);
    if (status == 0)
        status = sockopt_options_read(&command_listen, &s->a->options, &s->options);
    if (status == 0)
        status = prefix_words_read(&command_listen, &s->allow, &s->a->allow, "--allow", &s->events);
    if (status == 0)
        status = prefix_words_read(&command_listen, &s->deny, &s->a->deny, "--deny", &s->events);
    if (status == 0)
        status = prepare_mode(s);
    if (s->a->workers > 1)
        sockopt_choose(&s->options, SOCKOPT_REUSEPORT, 1);
    s->accept.refuse = s->a->refuse;
    s->accept.allow = &s->allow;
    s->accept.deny = &s->deny;
    return status;
}

/* Running */

static void *run_thread(void *worker)
{
    worker_run(worker);
    return NULL;
}

static int start_threads(struct server *s)
{
    for (uint32_t i = 1; i < s->n_workers; i++) {
        struct worker *w = &s->workers[i];
        int error = pthread_create(&w->thread, NULL, run_thread, w);
        if (error) {
            w->thread = 0;
            return -error;
        }
    }
    return 0;
}

static void stop_threads(struct server *s)
{
    uint64_t one = 1;
    for (uint32_t i = 1; i < s->n_workers; i++) {
        struct worker *w = &s->workers[i];
        if (!w->thread)
            continue;
        if (write(w->stop_fd, &one, sizeof one) == sizeof one)
            pthread_join(w->thread, NULL);
    }
}

static void tell_listening(struct server *s)
{
    for (size_t i = 0; i < s->listeners.len; i++) {
        const struct listener *l = vec_at(&s->listeners, i);
        const struct worker_listener *from = &s->workers[0].listeners[i];
        flow_events_listening(&s->events, l,
                              from->peers.fd >= 0 ? from->peers.fd : from->acceptor.fd);
    }
}

static void tell_totals(const struct server *s)
{
    struct event e = {.kind = EVENT_TOTALS,
                      .clients = atomic_load(&s->last_id),
                      .refused = atomic_load(&s->refused),
                      .bytes_in = (int64_t)atomic_load(&s->bytes_in),
                      .bytes_out = (int64_t)atomic_load(&s->bytes_out),
                      .duration_ns = time_monotonic_ns() - s->started_ns};
    flow_events_show(&s->events, &e);
}

int listen_fail(const struct server *s, int result)
{
    struct err e;
    err_set(&e, -result, "listen", NULL, NULL);
    flow_events_err(&s->events, EVENT_FAILED, &e);
    return EXIT_NO;
}

static int init_workers(struct server *s)
{
    uint32_t n = s->a->workers ? (uint32_t)s->a->workers : 1;
    s->workers = calloc(n, sizeof *s->workers);
    if (!s->workers)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        s->n_workers++;
        int result = worker_init(&s->workers[i], s, i == 0);
        if (result < 0)
            return result;
    }
    return 0;
}

static int run_server(struct server *s)
{
    int result = init_workers(s);
    if (result < 0)
        return listen_fail(s, result);
    int status = listen_confine(s);
    if (status == 0 && s->kind == LISTEN_SAVE)
        status = listen_save_check(s);
    if (status)
        return status;
    s->started_ns = time_monotonic_ns();
    tell_listening(s);
    result = start_threads(s);
    if (result == 0) {
        activation_notify("READY=1");
        result = worker_run(&s->workers[0]);
    }
    activation_notify("STOPPING=1");
    stop_threads(s);
    if (result < 0)
        return listen_fail(s, result);
    bool failed = s->no_output || (s->once && atomic_load(&s->failed));
    return failed ? EXIT_NO : EXIT_YES;
}

static void clear(struct server *s)
{
    for (uint32_t i = 0; i < s->n_workers; i++)
        worker_clear(&s->workers[i]);
    listeners_close(&s->listeners);
    if (s->started_ns && !s->once)
        tell_totals(s);
    free(s->workers);
    listen_handoff_clear(s);
    tls_context_free(s->tls);
    vec_free(&s->allow);
    vec_free(&s->deny);
    listen_forward_clear(s);
    buf_free(&s->reply);
    free((void *)s->exec_words);
    free(s->exec_path);
    fd_close(&s->save_dir);
}

static int run(const void *arguments, const struct command_words *words)
{
    const struct listen_arguments *a = arguments;
    struct server s = {.a = a,
                       .events = a->events,
                       .listeners = VEC_INIT(struct listener),
                       .allow = VEC_INIT(struct net_prefix),
                       .deny = VEC_INIT(struct net_prefix),
                       .once = a->once,
                       .save_dir = -1};
    int status = prepare(&s);
    if (status == 0)
        status = listen_open(&s, words);
    if (status == 0)
        status = run_server(&s);
    clear(&s);
    return status;
}

static const struct listen_arguments defaults = {
    .grace_ns = 2000000000,
};

const struct command command_listen = {
    .name = "listen",
    .group = "Open",
    .summary = "listen, and serve every client",
    .usage = "[ENDPOINT…]",
    .description =
        "Listens at each ENDPOINT (berth-endpoint(7)) and serves all clients at once, until it is "
        "ended. 4444 is this machine only, *:4444 every interface; port 0 lets the kernel choose. "
        "One line an address says where it listens and who can reach it; one line more tells of "
        "each client that comes or goes. All of them go to standard error.\n\n"
        "What clients send comes out on standard output, and standard input goes to all of them, "
        "unless an option gives them something else. Without an ENDPOINT the sockets that a "
        "service "
        "manager has opened are taken (LISTEN_FDS).",
    .options = listen_options,
    .arguments_size = sizeof(struct listen_arguments),
    .defaults = &defaults,
    .max_words = -1,
    .run = run,
};
