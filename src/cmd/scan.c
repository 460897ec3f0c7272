/* berth scan: which ports of a host answer, and how. The verdict is the network's; who listens is
 * said beside it where the host is this one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"
#include "cmd/commands.h"
#include "cmd/output.h"
#include "cmd/scan_ask.h"
#include "cmd/scan_columns.h"
#include "cmd/scan_local.h"
#include "cmd/scan_show.h"
#include "flow/signals.h"
#include "names/services.h"

enum {
    PORTS = 1 << 16,
    PARALLEL = 256,
    PARALLEL_MAX = 4096,
    RETRIES_MAX = 100,
    RETRIES_USUAL = RETRIES_MAX + 1, /* not given: as the protocol needs */
    SPARE_DESCRIPTORS = 32,
    FLUSH_AFTER_NS = 100000000,
    NS_PER_S = 1000000000,
};

struct scan_arguments {
    struct output_arguments output;
    bool udp, ipv4, ipv6, all_addresses;
    bool open, each, no_owners, quiet;
    bool banner;
    uint64_t parallel, retries, timeout_ns, banner_ns;
};

static const struct scan_arguments scan_defaults = {
    .parallel = PARALLEL,
    .retries = RETRIES_USUAL,
    .timeout_ns = 2 * (uint64_t)NS_PER_S,
    .banner_ns = NS_PER_S,
};

static const struct command_option scan_options[] = {
    {.name = "udp",
     .letter = 'u',
     .field = offsetof(struct scan_arguments, udp),
     .group = "What to ask",
     .help = "ports of UDP"},
    {.name = "ipv4",
     .letter = '4',
     .field = offsetof(struct scan_arguments, ipv4),
     .help = "addresses of IPv4 alone"},
    {.name = "ipv6",
     .letter = '6',
     .field = offsetof(struct scan_arguments, ipv6),
     .help = "addresses of IPv6 alone"},
    {.name = "all-addresses",
     .letter = 'a',
     .field = offsetof(struct scan_arguments, all_addresses),
     .help = "every address of a name, not only the first"},
    {.name = "banner",
     .letter = 'b',
     .field = offsetof(struct scan_arguments, banner),
     .help = "read what the service says first"},
    {.name = "banner-wait",
     .type = OPTION_DURATION,
     .field = offsetof(struct scan_arguments, banner_ns),
     .metavar = "TIME",
     .help = "how long it may take to say it (1s)"},
    {.name = "timeout",
     .letter = 't',
     .type = OPTION_DURATION,
     .field = offsetof(struct scan_arguments, timeout_ns),
     .metavar = "TIME",
     .group = "How",
     .help = "how long to wait for an answer (2s)"},
    {.name = "retries",
     .letter = 'r',
     .type = OPTION_UINT,
     .field = offsetof(struct scan_arguments, retries),
     .metavar = "N",
     .max = RETRIES_MAX,
     .help = "ask again so often where none came (0; 1 with --udp)"},
    {.name = "parallel",
     .letter = 'p',
     .type = OPTION_UINT,
     .field = offsetof(struct scan_arguments, parallel),
     .metavar = "N",
     .min = 1,
     .max = PARALLEL_MAX,
     .help = "so many ports at a time at the most (256)"},
    {.name = "no-owners",
     .field = offsetof(struct scan_arguments, no_owners),
     .help = "don't look who listens on this host"},
    {.name = "open",
     .field = offsetof(struct scan_arguments, open),
     .group = "Output",
     .help = "show open ports alone"},
    {.name = "each",
     .field = offsetof(struct scan_arguments, each),
     .help = "a line for each port: ranges aren't drawn together in tables"},
    {.name = "quiet",
     .letter = 'q',
     .field = offsetof(struct scan_arguments, quiet),
     .help = "no line of totals on stderr"},
    OUTPUT_OPTIONS(struct scan_arguments){0},
};

struct scan {
    const struct scan_arguments *arguments;
    struct scan_asked asked;
    struct scan_local local;
    struct probes probes;
    struct signals signals;
    struct scan_show show;
    struct loop_timer flush; /* rows that were shown go out */
    struct output *output;
    struct vec services; /* struct service */
    const char **names;  /* of PORTS ports; theirs */
    int error;           /* of the output */
    bool stopped;
    uint64_t started_ns;
    size_t counts[PROBE_STATES];
};

static bool looks_for_owners(const struct scan *s)
{
    return s->local.any && !s->arguments->no_owners;
}

/* Events */

static struct scan *scan_of(struct probes *p)
{
    return (struct scan *)((char *)p - offsetof(struct scan, probes));
}

static void flush(struct loop *l, struct loop_timer *t)
{
    struct scan *s = (struct scan *)((char *)t - offsetof(struct scan, flush));
    s->error = out_flush(&s->output->out);
    if (s->error)
        loop_stop(l);
}

/* Who listens on this host is read once, at the end: until then its rows wait. */
static void answered(struct loop *l, struct probes *p, size_t i)
{
    struct scan *s = scan_of(p);
    s->counts[p->answers[i].state]++;
    if (looks_for_owners(s) || i != s->show.next || s->error)
        return;
    s->error = scan_show_answers(&s->show, false);
    if (s->error == 0 && !s->flush.place)
        s->error = loop_timer_after(l, &s->flush, FLUSH_AFTER_NS);
    if (s->error)
        loop_stop(l);
}

static void done(struct loop *l, struct probes *p)
{
    (void)p;
    loop_stop(l);
}

static void came(struct loop *l, struct signals *signals, int signal)
{
    struct scan *s = (struct scan *)((char *)signals - offsetof(struct scan, signals));
    (void)signal;
    s->stopped = true;
    loop_stop(l);
}

/* Totals */

static void say_counts(struct buf *out, const struct scan *s)
{
    static const enum probe_state order[] = {PROBE_OPEN,        PROBE_REFUSED,   PROBE_SILENT,
                                             PROBE_UNREACHABLE, PROBE_FORBIDDEN, PROBE_FAILED};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if (!s->counts[order[i]] && order[i] != PROBE_OPEN)
            continue;
        buf_printf(out, "%s%zu ", i ? ", " : "", s->counts[order[i]]);
        for (const char *at = scan_answer_name(order[i], s->arguments->udp); *at; at++)
            buf_char(out, *at == '-' ? ' ' : *at);
    }
}

static void tell_totals(const struct scan *s)
{
    const struct probes *p = &s->probes;
    _cleanup_buf_ struct buf text = BUF_INIT(1024);
    bool all = p->n_answered == p->n;
    if (all)
        buf_printf(&text, "%zu %s port%s", p->n_ports, s->arguments->udp ? "UDP" : "TCP",
                   p->n_ports == 1 ? "" : "s");
    else
        buf_printf(&text, "stopped after %zu of %zu", p->n_answered, p->n);
    if (p->n_hosts > 1)
        buf_printf(&text, " at %s%zu addresses", all ? "each of " : "", p->n_hosts);
    buf_str(&text, " in ");
    time_format_duration(&text, time_monotonic_ns() - s->started_ns);
    buf_str(&text, ": ");
    say_counts(&text, s);
    err_tell("%s", buf_cstr(&text));
    if (!s->local.any && s->arguments->udp && s->counts[PROBE_SILENT] && s->counts[PROBE_REFUSED])
        err_tell("many hosts tell of only about one closed UDP port a second, so that silence says "
                 "little: fewer ports, --parallel 1 and --retries tell more");
}

static int status_of(const struct scan *s)
{
    if (s->error)
        return EXIT_NO;
    if (s->counts[PROBE_OPEN])
        return EXIT_YES;
    return s->counts[PROBE_FORBIDDEN] && s->counts[PROBE_FORBIDDEN] == s->probes.n_answered
               ? EXIT_PERMISSION
               : EXIT_NO;
}

/* The scan */

static int fail(int error, const char *op)
{
    struct err e;
    err_set(&e, -error, op, "", NULL);
    err_print(&e, stderr);
    return EXIT_NO;
}

/* With fewer descriptors than asked for it goes more slowly, no more. */
static void raise_limit(size_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted + SPARE_DESCRIPTORS)
        return;
    limit.rlim_cur = wanted + SPARE_DESCRIPTORS;
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int read_services(struct scan *s)
{
    const char *protocol = s->arguments->udp ? "udp" : "tcp";
    s->names = calloc(PORTS, sizeof *s->names);
    if (!s->names || services_in_range(0, UINT16_MAX, NULL, &s->services) == -ENOMEM)
        return -ENOMEM;
    for (size_t i = 0; i < s->services.len; i++) {
        const struct service *service = vec_at(&s->services, i);
        if (strcmp(service->protocol, protocol) == 0 && !s->names[service->port])
            s->names[service->port] = service->name;
    }
    return 0;
}

static int ask_in(struct loop *l, struct scan *s)
{
    const struct scan_arguments *a = s->arguments;
    uint64_t retries = a->retries == RETRIES_USUAL ? a->udp : a->retries;
    s->probes = (struct probes){
        .hosts = s->asked.hosts.items,
        .n_hosts = s->asked.hosts.len,
        .ports = s->asked.ports.items,
        .n_ports = s->asked.ports.len,
        .parallel = a->parallel,
        .tries = (unsigned)retries + 1,
        .timeout_ns = a->timeout_ns,
        .listen_ns = a->banner ? a->banner_ns : 0,
        .answered = answered,
        .done = done,
    };
    s->signals.came = came;
    s->flush.fire = flush;
    s->started_ns = time_monotonic_ns();
    int error = signals_start(l, &s->signals, NULL);
    if (error == 0)
        error = probes_start(l, &s->probes);
    return error ? error : loop_run(l);
}

static int ask_all(struct scan *s)
{
    struct loop l;
    int error = loop_init(&l);
    if (error < 0)
        return fail(error, "scan");
    error = ask_in(&l, s);
    if (error == 0 && looks_for_owners(s))
        scan_local_look(&s->local, s->arguments->udp);
    if (error == 0 && s->error == 0)
        s->error = scan_show_answers(&s->show, true);
    if (error == 0 && !s->arguments->quiet)
        tell_totals(s);
    scan_local_tell(&s->local);
    loop_timer_stop(&l, &s->flush);
    signals_stop(&l, &s->signals);
    signals_release(&s->signals);
    probes_clear(&l, &s->probes);
    loop_clear(&l);
    return error < 0 ? fail(error, "scan") : status_of(s);
}

static int prepare(struct scan *s)
{
    raise_limit(s->arguments->parallel);
    int error = scan_local_init(&s->local, &s->asked.hosts);
    if (error == 0)
        error = read_services(s);
    return error ? fail(error, "scan") : 0;
}

static void write_usual(struct buf *out, const struct scan *s)
{
    buf_str(out, "address,port,service,answer,time_us");
    if (looks_for_owners(s))
        buf_str(out, ",listeners");
    if (s->arguments->banner)
        buf_str(out, ",banner");
    buf_str(out, ",why");
}

static int choose(struct scan *s, const struct render_column **ret, size_t *ret_n)
{
    _cleanup_buf_ struct buf usual = BUF_INIT(128);
    write_usual(&usual, s);
    bool table = s->output->options.format == RENDER_TABLE;
    return output_choose(s->output, &command_scan, s->arguments->output.columns, scan_columns,
                         SCAN_COLUMNS, table ? buf_cstr(&usual) : "all", ret, ret_n);
}

static int answer(struct scan *s)
{
    const struct render_column *columns[SCAN_COLUMNS];
    size_t n;
    int status = s->asked.hosts.len ? prepare(s) : EXIT_NO;
    if (status == 0)
        status = choose(s, columns, &n);
    if (status)
        return status;
    _cleanup_render_ struct render *render =
        render_new(&s->output->options, columns, n, &s->output->out);
    if (!render)
        return fail(-ENOMEM, "scan");
    s->show = (struct scan_show){
        .asked = &s->asked,
        .local = &s->local,
        .probes = &s->probes,
        .names = s->names,
        .render = render,
        .udp = s->arguments->udp,
        .open = s->arguments->open,
        .folds = s->output->options.format == RENDER_TABLE && !s->arguments->each,
    };
    return ask_all(s);
}

static int check(const struct scan_arguments *a, const struct command_words *words)
{
    if (words->n < 2)
        return command_usage_error(&command_scan, "ports are missing: scan %s", command_scan.usage);
    if (a->ipv4 && a->ipv6)
        return command_usage_error(&command_scan, "only one of --ipv4 and --ipv6 can be given");
    if (a->timeout_ns == 0)
        return command_usage_error(&command_scan, "with --timeout 0 nothing could answer");
    return 0;
}

static int run_in(struct scan *s, const struct command_words *words)
{
    const struct scan_arguments *a = s->arguments;
    struct scan_how how = {.family = a->ipv4   ? AF_INET
                                     : a->ipv6 ? AF_INET6
                                               : AF_UNSPEC,
                           .udp = a->udp,
                           .all_addresses = a->all_addresses};
    const struct render_column *columns[SCAN_COLUMNS];
    size_t n;
    int status = output_need_word(&command_scan, &a->output, words);
    if (status == 0) /* a mistake in -o is told before anything is asked */
        status = choose(s, columns, &n);
    if (status || n == 0)
        return status;
    status = check(a, words);
    if (status == 0)
        status = scan_ask(&how, words, &s->asked);
    return status ? status : answer(s);
}

static int run(const void *arguments, const struct command_words *words)
{
    _cleanup_output_ struct output o;
    struct scan s = {.arguments = arguments, .output = &o, .services = VEC_INIT(struct service)};
    int status = output_open(&o, &command_scan, &s.arguments->output);
    if (status == 0)
        status = run_in(&s, words);
    scan_local_clear(&s.local);
    services_free(&s.services);
    free(s.names);
    scan_asked_clear(&s.asked);
    return output_close(&o, status);
}

/* For the shells' completion. */
static int values(const char *what, struct vec *ret)
{
    return strcmp(what, "columns") == 0 ? output_column_values(scan_columns, SCAN_COLUMNS, ret)
                                        : -ENOENT;
}

const struct command command_scan = {
    .name = "scan",
    .group = "Open",
    .summary = "ask which ports of a host answer, and how",
    .usage = "HOST[,HOST…] PORT[,PORT|-PORT]…",
    .description =
        "Connects to each of the ports, many at a time, and says how each answers: open, refused, "
        "no answer, unreachable, or not permitted. A connection that is made is ended at once; "
        "with --banner when the service has said something. HOST is a name, an address or a "
        "network "
        "(192.0.2.0/28), or several, separated by commas; more than 64 addresses are refused. PORT "
        "is a number, a range or a service's name.\n\n"
        "The verdict is the network's. Of an address of this host it is also told who listens "
        "there.",
    .options = scan_options,
    .arguments_size = sizeof(struct scan_arguments),
    .defaults = &scan_defaults,
    .max_words = -1,
    .completes = "service",
    .values = values,
    .run = run,
};
