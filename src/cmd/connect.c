/* berth connect: makes a connection, and joins it to standard input and output.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/time.h"
#include "base/unescape.h"
#include "cmd/commands.h"
#include "cmd/connect.h"
#include "cmd/targets.h"
#include "flow/hook_expect.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262 /* linux/in.h since 5.6 */
#endif

enum { SEND_MAX = 1 << 20 };

static const char *const half_close_choices[] = {"no", "yes", NULL};

static const struct connect_arguments connect_defaults = {.half_close = HALF_CLOSE_YES,
                                                          .parallel = 1};

#define FIELD(member) offsetof(struct connect_arguments, member)
static const struct command_option connect_options[] = {
    {.name = "ipv4",
     .letter = '4',
     .field = FIELD(ipv4),
     .group = "Connecting",
     .help = "by IPv4 only"},
    {.name = "ipv6", .letter = '6', .field = FIELD(ipv6), .help = "by IPv6 only"},
    {.name = "source",
     .letter = 's',
     .type = OPTION_TEXT,
     .field = FIELD(source),
     .metavar = "ADDR[:PORT]",
     .help = "connect from this address, or from this port (:PORT)"},
    {.name = "timeout",
     .letter = 't',
     .type = OPTION_DURATION,
     .field = FIELD(timeout_ns),
     .metavar = "TIME",
     .help = "how long connecting may take, names and all, and what --expect waits for"},
    {.name = "wait",
     .letter = 'w',
     .type = OPTION_DURATION,
     .field = FIELD(wait_ns),
     .metavar = "TIME",
     .help = "keep trying for so long until it accepts"},
    {.name = "all",
     .letter = 'a',
     .field = FIELD(all),
     .help = "try every address to its end, and tell how each went"},
    {.name = "verbose",
     .letter = 'v',
     .field = FIELD(verbose),
     .help = "tell addresses, ports and times on stderr"},
    {.name = "send",
     .type = OPTION_TEXT,
     .field = FIELD(send),
     .metavar = "TEXT",
     .group = "Talking",
     .help = "send this, with escapes as in printf(1); stdin isn't read"},
    {.name = "send-file",
     .type = OPTION_TEXT,
     .field = FIELD(send_file),
     .metavar = "FILE",
     .completes = "file",
     .help = "send this file; stdin isn't read"},
    {.name = "expect",
     .letter = 'e',
     .type = OPTION_TEXT,
     .field = FIELD(expect),
     .metavar = "REGEX",
     .help = "done once this is received; status 1 if it doesn't come"},
    {.name = "crlf",
     .letter = 'C',
     .field = FIELD(crlf),
     .help = "send line feeds as carriage return and line feed"},
    {.name = "hold",
     .type = OPTION_DURATION,
     .field = FIELD(hold_ns),
     .metavar = "TIME",
     .help = "keep the connection whole, no FIN sent, for so long after connecting"},
    {.name = "half-close",
     .type = OPTION_CHOICE,
     .field = FIELD(half_close),
     .choices = half_close_choices,
     .help = "whether the peer is told of the end of input (yes)"},
    {.name = "idle-timeout",
     .type = OPTION_DURATION,
     .field = FIELD(idle_ns),
     .metavar = "TIME",
     .help = "give up when nothing moved for so long"},
    {.name = "raw",
     .field = FIELD(raw),
     .help = "let control characters of the peer through to a terminal"},
    {.name = "progress",
     .field = FIELD(progress),
     .group = "Watching",
     .help = "on a terminal: bytes, rate, and the time left where the size is known"},
    {.name = "hexdump",
     .type = OPTION_TEXT,
     .field = FIELD(hexdump),
     .metavar = "FILE",
     .completes = "file",
     .help = "write both directions there in hexadecimal (-: stderr)"},
    {.name = "record",
     .type = OPTION_TEXT,
     .field = FIELD(record),
     .metavar = "FILE",
     .completes = "file",
     .help = "write both directions there, with times, for --replay"},
    {.name = "replay",
     .type = OPTION_TEXT,
     .field = FIELD(replay),
     .metavar = "FILE",
     .completes = "file",
     .help = "send what was sent in a recording, at its times; stdin isn't read"},
    {.name = "repeat",
     .type = OPTION_UINT,
     .field = FIELD(repeat),
     .min = 1,
     .max = 100000000,
     .metavar = "N",
     .group = "Measuring",
     .help = "connect N times, and show how long it took; stdin isn't read"},
    {.name = "parallel",
     .type = OPTION_UINT,
     .field = FIELD(parallel),
     .min = 1,
     .max = 10000,
     .metavar = "M",
     .help = "so many at a time (1)"},
    {.name = "json",
     .letter = 'j',
     .field = FIELD(json),
     .help = "with --repeat: the table as a JSON array"},
    PROXY_OPTIONS(struct connect_arguments)
        TLS_CLIENT_OPTIONS(struct connect_arguments, tls, "tls", "TLS")
            SOCKOPT_OPTIONS(struct connect_arguments){0},
};

static int fail(const struct err *e)
{
    err_print(e, stderr);
    return e->code == EPERM || e->code == EACCES ? EXIT_PERMISSION : EXIT_NO;
}

/* The command line */

static int check_expect(const char *regex)
{
    struct hook_expect h;
    char fault[128];
    int result = regex ? hook_expect_init(&h, NULL, regex, fault, sizeof fault) : 0;
    if (result < 0)
        return command_usage_error(&command_connect, "--expect '%s': %s", regex, fault);
    if (regex)
        hook_expect_clear(&h);
    return 0;
}

static int check(const struct connect_arguments *a)
{
    if (a->ipv4 && a->ipv6)
        return command_usage_error(&command_connect, "only one of --ipv4 and --ipv6 can be given");
    if ((a->send != NULL) + (a->send_file != NULL) + (a->replay != NULL) > 1)
        return command_usage_error(&command_connect,
                                   "only one of --send, --send-file and --replay can be given");
    if (a->repeat && (a->wait_ns || a->all || a->hold_ns || a->record || a->hexdump || a->replay))
        return command_usage_error(&command_connect,
                                   "--repeat goes with none of --wait, --all, --hold, --record, "
                                   "--hexdump and --replay");
    if (!a->repeat && (a->json || a->parallel > 1))
        return command_usage_error(&command_connect, "--%s is for --repeat",
                                   a->json ? "json" : "parallel");
    return check_expect(a->expect);
}

static bool can_connect(enum endpoint_scheme s)
{
    return s == ENDPOINT_TCP || s == ENDPOINT_UDP || s == ENDPOINT_TLS || s == ENDPOINT_VSOCK ||
           endpoint_is_unix(s);
}

static int read_endpoint(struct connect *c)
{
    struct err e;
    if (endpoint_parse(c->word, ENDPOINT_SOCKETS_ONLY, &c->endpoint, &e) < 0)
        return command_usage_error(&command_connect, "'%s': %s", e.subject, e.hint);
    if (!can_connect(c->endpoint.scheme))
        return command_usage_error(&command_connect, "'%s': connect has no %s; berth relay has",
                                   c->word, endpoint_scheme_name(c->endpoint.scheme));
    if (c->arguments->repeat && c->endpoint.scheme != ENDPOINT_TCP &&
        c->endpoint.scheme != ENDPOINT_TLS && c->endpoint.scheme != ENDPOINT_UNIX &&
        c->endpoint.scheme != ENDPOINT_VSOCK)
        return command_usage_error(&command_connect, "'%s': --repeat is for streams", c->word);
    return 0;
}

static int family_of(const struct connect_arguments *a)
{
    return a->ipv4 ? AF_INET : a->ipv6 ? AF_INET6 : AF_UNSPEC;
}

/* "192.0.2.7", "192.0.2.7:5000", ":5000" (any address), "[::1]:5000". */
static int read_source(struct connect *c)
{
    const char *word = c->arguments->source;
    struct endpoint source;
    struct err e;
    if (!word)
        return 0;
    if (endpoint_parse(word, ENDPOINT_SOCKETS_ONLY | ENDPOINT_MAY_OMIT_PORT, &source, &e) < 0)
        return command_usage_error(&command_connect, "--source '%s': %s", e.subject, e.hint);
    if (source.scheme == ENDPOINT_TCP && endpoint_has_port(c->endpoint.scheme))
        source.scheme = c->endpoint.scheme;
    if (source.scheme != c->endpoint.scheme)
        return command_usage_error(&command_connect, "--source '%s' is of another kind than '%s'",
                                   word, c->word);
    if (source.host == ENDPOINT_THIS_MACHINE && endpoint_has_port(source.scheme))
        source.host = ENDPOINT_EVERY_INTERFACE; /* a port alone: from any address */
    const struct targets_question q = {
        .endpoint = &source, .family = family_of(c->arguments), .listens = true};
    if (targets_find(&q, &c->sources, &e) == 0)
        return 0;
    snprintf(e.subject, sizeof e.subject, "%s", word); /* without the port that nobody gave */
    return fail(&e);
}

static int choose_proxy(struct connect *c)
{
    struct err e;
    int result = proxy_choose(&c->proxy, &c->arguments->proxy, &c->endpoint, &e);
    if (result == -EINVAL)
        return command_usage_error(&command_connect, "'%s': %s", e.subject, e.hint);
    return result < 0 ? fail(&e) : 0;
}

/* Only addresses of a family that there is a source for can be connected to. */
static int family_of_sources(const struct connect *c)
{
    int family = family_of(c->arguments);
    const struct target *s = c->sources.items;
    for (size_t i = 0; i < c->sources.len; i++)
        if (s[i].family != s[0].family)
            return family;
    return c->sources.len && s[0].family != AF_UNIX ? s[0].family : family;
}

static int check_source(const struct connect *c)
{
    bool fixed = c->endpoint.host == ENDPOINT_ADDRESS && endpoint_has_port(c->endpoint.scheme);
    int family = family_of_sources(c);
    if (!c->sources.len || !fixed || c->proxy.used || family == AF_UNSPEC ||
        family == c->endpoint.addr.family)
        return 0;
    return command_usage_error(&command_connect, "--source '%s' is of another family than '%s'",
                               c->arguments->source, c->word);
}

/* What is sent */

static int open_text(const char *text)
{
    _cleanup_buf_ struct buf bytes = BUF_INIT(SEND_MAX);
    const char *bad = NULL;
    if (text_unescape(&bytes, text, &bad) < 0) {
        command_usage_error(&command_connect,
                            "--send: there is no escape like this, '%s'; a backslash is to be "
                            "written twice",
                            bad + 1);
        return -EINVAL;
    }
    _cleanup_fd_ int fd = memfd_create("berth --send", MFD_CLOEXEC);
    int result = fd < 0 ? -errno : fd_write_all(fd, bytes.data, bytes.len);
    if (result == 0 && lseek(fd, 0, SEEK_SET) < 0)
        result = -errno;
    return result < 0 ? result : fd_take(&fd);
}

static int open_input(struct connect *c)
{
    const struct connect_arguments *a = c->arguments;
    struct err e;
    if (a->send) {
        c->input = open_text(a->send);
        if (c->input == -EINVAL)
            return EXIT_USAGE;
        err_set(&e, -c->input, "send", "", NULL);
    } else if (a->send_file) {
        c->input = open(a->send_file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        err_set(&e, errno, "open", a->send_file, NULL);
    } else if (a->replay) {
        if (replay_open(&c->replay, a->replay, &c->input, &e) < 0)
            return fail(&e);
    } else {
        c->input = STDIN_FILENO;
    }
    if (c->input < 0 || recorder_open(&c->recorder, a->record, a->hexdump, &e) < 0)
        return fail(&e);
    return 0;
}

/* Connecting */

enum {
    NS_PER_MS = 1000000,
    WAIT_FIRST_MS = 50,
    WAIT_MOST_MS = 1000,
    WAIT_TRY_MS = 3000, /* what one try of --wait may take without --timeout */
    WAIT_LAST_MS = 100, /* what the last one has at least */
};

static void reached(struct loop *l, struct reach *r)
{
    (void)r;
    loop_stop(l);
}

static uint64_t deadline_of(const struct connect *c)
{
    const struct connect_arguments *a = c->arguments;
    uint64_t now = time_monotonic_ns(), timeout = a->timeout_ns;
    if (!a->wait_ns)
        return timeout ? c->began_ns + timeout : 0;
    uint64_t one = timeout ? timeout : (uint64_t)WAIT_TRY_MS * NS_PER_MS;
    uint64_t end = c->began_ns + a->wait_ns, last = now + (uint64_t)WAIT_LAST_MS * NS_PER_MS;
    return now + one < end ? now + one : end > last ? end : last;
}

int connect_resolve(struct connect *c)
{
    struct reach *r = &c->reach;
    r->deadline_ns = deadline_of(c);
    r->done = reached;
    int result = reach_resolve(&c->loop, r);
    if (result == 0)
        result = loop_run(&c->loop);
    if (result < 0 && !r->error.code)
        err_set(&r->error, -result, "resolve", c->word, NULL);
    return -r->error.code;
}

/* One try. 0 or a negative errno. */
static int try(struct connect *c)
{
    struct reach *r = &c->reach;
    c->tries++;
    int result = connect_resolve(c);
    if (result < 0)
        return result;
    if (c->arguments->verbose && c->tries == 1)
        connect_tell_resolved(c);
    result = reach_start(&c->loop, r);
    if (result == 0)
        result = loop_run(&c->loop);
    if (result < 0)
        return err_set(&r->error, -result, "connect to", c->word, NULL);
    return reach_fd(r) < 0 ? -r->error.code : 0;
}

/* What may be otherwise in a moment: nobody listens yet, no network yet, no name yet. */
static bool is_passing(int error)
{
    return error != EACCES && error != EPERM && error != EINVAL && error != EPROTOTYPE &&
           error != EAFNOSUPPORT && error != EADDRNOTAVAIL && error != EPROTO;
}

static void pause_ms(uint64_t ms)
{
    struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * NS_PER_MS};
    nanosleep(&t, NULL);
}

static int try_until(struct connect *c)
{
    uint64_t pause = WAIT_FIRST_MS, end = c->began_ns + c->arguments->wait_ns;
    for (;;) {
        int result = try(c);
        uint64_t now = time_monotonic_ns();
        if (result == 0 || now >= end || !is_passing(-result))
            return result;
        uint64_t left = (end - now) / NS_PER_MS + 1;
        pause_ms(pause < left ? pause : left);
        pause = 2 * pause < WAIT_MOST_MS ? 2 * pause : WAIT_MOST_MS;
    }
}

static int answer(struct connect *c)
{
    if (c->arguments->repeat)
        return connect_repeat(c);
    int result = try_until(c);
    if (c->arguments->all)
        connect_tell_attempts(c);
    if (result < 0)
        return connect_tell_failure(c);
    if (c->arguments->verbose)
        connect_tell_connected(c);
    if (c->plan.tls && (c->arguments->verbose || c->arguments->tls.info))
        connect_tell_tls(c);
    return connect_talk(c);
}

static int open_tls(struct connect *c)
{
    const struct tls_client_arguments *a = &c->arguments->tls;
    if (c->endpoint.scheme != ENDPOINT_TLS && !tls_client_wanted(a))
        return 0;
    if (c->endpoint.scheme == ENDPOINT_UDP || c->endpoint.scheme == ENDPOINT_UNIX_DGRAM ||
        c->endpoint.scheme == ENDPOINT_UNIX_SEQPACKET)
        return command_usage_error(&command_connect, "'%s': TLS is for streams", c->word);
    c->plan.tls_name = tls_client_name(a, &c->endpoint, &c->tls_name);
    return tls_client_open(&command_connect, a, NULL, NULL, &c->plan.tls);
}

static int prepare(struct connect *c)
{
    int status = check(c->arguments);
    if (status == 0)
        status = read_endpoint(c);
    if (status == 0)
        status = open_input(c);
    if (status == 0)
        status = sockopt_options_read(&command_connect, &c->arguments->options, &c->options);
    if (status == 0)
        status = choose_proxy(c);
    if (status == 0)
        status = read_source(c);
    if (status == 0)
        status = check_source(c);
    c->plan = (struct reach_plan){.endpoint = &c->endpoint,
                                  .word = c->word,
                                  .family = family_of_sources(c),
                                  .protocol = c->arguments->options.mptcp ? IPPROTO_MPTCP : 0,
                                  .options = &c->options,
                                  .sources = c->sources.items,
                                  .n_sources = c->sources.len,
                                  .all = c->arguments->all,
                                  .proxy = c->proxy.used ? &c->proxy : NULL};
    return status ? status : open_tls(c);
}

static int run(const void *arguments, const struct command_words *words)
{
    struct connect c = {.arguments = arguments,
                        .word = words->words[0],
                        .sources = VEC_INIT(struct target),
                        .began_ns = time_monotonic_ns(),
                        .tls_name = BUF_INIT(64),
                        .input = -1,
                        .replay.pipe = -1,
                        .recorder = {.record.fd = -1, .hexdump.fd = -1}};
    struct err e;
    reach_init(&c.reach, &c.plan);
    signal(SIGPIPE, SIG_IGN);
    int result = loop_init(&c.loop);
    int status = prepare(&c);
    if (status == 0)
        status = result < 0 ? (err_set(&e, -result, "start", "", NULL), fail(&e)) : answer(&c);
    if (recorder_close(&c.recorder, &e) < 0)
        status = fail(&e);
    replay_clear(&c.loop, &c.replay);
    reach_clear(&c.loop, &c.reach);
    tls_context_free(c.plan.tls);
    buf_free(&c.tls_name);
    loop_clear(&c.loop);
    vec_free(&c.sources);
    return status;
}

const struct command command_connect = {
    .name = "connect",
    .group = "Open",
    .summary = "connect to an endpoint, and talk to it",
    .usage = "ENDPOINT",
    .description =
        "Connects, sends what it reads from standard input, and writes what the peer sends to "
        "standard output. The end of input is told to the peer, whose answer is still read to its "
        "end; the peer's end ends it.\n\n"
        "A name's addresses are tried in the C library's order, families taking turns, each with a "
        "head start of 250 ms (RFC 8305). If none answers, each is named, why it failed, and what "
        "would help.",
    .options = connect_options,
    .arguments_size = sizeof(struct connect_arguments),
    .defaults = &connect_defaults,
    .min_words = 1,
    .max_words = 1,
    .run = run,
};
