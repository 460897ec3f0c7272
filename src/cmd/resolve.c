/* berth resolve: a name's addresses in the order in which programs try them, where each came from,
 * why it stands where it stands, and who listens at each that is this host's own.
 */
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/output.h"
#include "cmd/resolve_explain.h"
#include "cmd/sockets.h"
#include "kernel/links.h"
#include "kernel/netns_join.h"
#include "net/endpoint.h"
#include "render/style.h"

struct resolve_arguments {
    struct output_arguments output;
    struct sockets_arguments sockets;
    bool ipv4, ipv6, udp;
    bool no_sockets;
};

static const struct command_option resolve_options[] = {
    {.name = "ipv4",
     .letter = '4',
     .field = offsetof(struct resolve_arguments, ipv4),
     .help = "IPv4 addresses only"},
    {.name = "ipv6",
     .letter = '6',
     .field = offsetof(struct resolve_arguments, ipv6),
     .help = "IPv6 addresses only"},
    {.name = "udp",
     .letter = 'u',
     .field = offsetof(struct resolve_arguments, udp),
     .help = "services and listeners of UDP, not TCP"},
    {.name = "no-sockets",
     .field = offsetof(struct resolve_arguments, no_sockets),
     .help = "don't look who listens"},
    SOCKETS_NETNS_OPTION(struct resolve_arguments) OUTPUT_OPTIONS(struct resolve_arguments){0},
};

/* The word */

enum {
    RESOLVES = ENDPOINT_SOCKETS_ONLY | ENDPOINT_MAY_OMIT_PORT | ENDPOINT_MAY_OMIT_SCOPE,
};

/* The host as getaddrinfo reads it. */
static void write_name(struct buf *out, const struct endpoint *ep)
{
    buf_str(out, ep->name);
    net_addr_format(out, &ep->addr);
    if (ep->addr.scope)
        buf_printf(out, "%%%u", ep->addr.scope);
    else if (endpoint_device_is_scope(ep))
        buf_printf(out, "%%%s", ep->device);
}

static void write_service(struct buf *out, const struct endpoint *ep)
{
    if (ep->service[0])
        buf_str(out, ep->service);
    else if (ep->port)
        buf_u64(out, ep->port);
}

static void take_endpoint(struct resolve_query *q, const struct endpoint *ep)
{
    _cleanup_buf_ struct buf name = BUF_INIT(sizeof q->name), service = BUF_INIT(sizeof q->service);
    write_name(&name, ep);
    write_service(&service, ep);
    snprintf(q->name, sizeof q->name, "%s", buf_cstr(&name));
    snprintf(q->service, sizeof q->service, "%s", buf_cstr(&service));
}

static int read_word(struct resolve_query *q, const char *word, const struct resolve_arguments *a)
{
    struct endpoint ep;
    struct err e = {0};
    *q = (struct resolve_query){.word = word, .devices = VEC_INIT(struct resolve_device)};
    q->answer.addresses = VEC_INIT(struct resolved);
    facts_init(&q->facts);
    if (endpoint_parse(word, RESOLVES, &ep, &e) < 0)
        return command_usage_error(&command_resolve, "'%s': %s", word, e.hint);
    if (!endpoint_has_port(ep.scheme))
        return command_usage_error(
            &command_resolve, "'%s' has no host; one called %s is 'tcp:%s:PORT'", word,
            endpoint_scheme_name(ep.scheme), endpoint_scheme_name(ep.scheme));
    take_endpoint(q, &ep);
    q->question = (struct resolve_question){
        .name = *q->name ? q->name : NULL,
        .service = *q->service ? q->service : NULL,
        .family = a->ipv4   ? AF_INET
                  : a->ipv6 ? AF_INET6
                            : AF_UNSPEC,
        .socket_type = ep.scheme == ENDPOINT_UDP || (a->udp && !endpoint_scheme_is_written(word))
                           ? SOCK_DGRAM
                           : SOCK_STREAM,
        .every_interface = ep.host == ENDPOINT_EVERY_INTERFACE,
    };
    return 0;
}

/* In words */

static void put_escaped(struct buf *out, const char *text)
{
    text_escape(out, text, strlen(text));
}

static bool somebody_listens(const struct resolve_query *q)
{
    for (size_t i = 0; i < q->answer.addresses.len; i++)
        if (q->rows[i].n_listeners)
            return true;
    return false;
}

static void say_styled(struct buf *out, bool colour, enum render_style style,
                       const struct buf *text)
{
    style_begin(out, colour, style);
    text_escape(out, text->data, text->len);
    style_end(out, colour, style);
}

static void say_route(struct buf *out, const struct resolve_row *row, bool colour)
{
    const struct resolved *r = row->resolved;
    if (row->local) {
        buf_str(out, "    local      this host's own, on ");
        put_escaped(out, row->interface);
    } else if (r->reachable) {
        buf_str(out, "    route      from ");
        net_addr_format(out, &r->from);
    } else {
        buf_str(out, "    route      ");
        style_begin(out, colour, RENDER_BAD);
        buf_printf(out, "none: %s", strerror(r->unreachable_error));
        style_end(out, colour, RENDER_BAD);
    }
    buf_char(out, '\n');
}

static void say_listeners(struct buf *out, const struct resolve_query *q,
                          const struct resolve_row *row, bool colour)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    if (!row->looked)
        return;
    resolve_describe_listeners(&text, row);
    buf_str(out, "    listening  ");
    say_styled(out, colour, row->n_listeners ? RENDER_NAME : RENDER_DIM, &text);
    if (!row->n_listeners && somebody_listens(q))
        buf_str(out, ": a program that tries only this address is refused");
    buf_char(out, '\n');
}

static void say_address(struct buf *out, const struct resolve_query *q,
                        const struct resolve_row *row, bool colour)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 12);
    buf_str(out, "  ");
    resolve_describe_end(&text, row);
    say_styled(out, colour, RENDER_ADDRESS, &text);
    buf_str(out, "\n    origin     ");
    resolve_describe_origin(out, row->resolved);
    buf_printf(out, "\n    order      %s\n", row->order);
    say_route(out, row, colour);
    say_listeners(out, q, row, colour);
}

static void say(struct buf *out, const struct resolve_query *q, bool colour)
{
    size_t n = q->answer.addresses.len;
    style_begin(out, colour, RENDER_STRONG);
    put_escaped(out, q->word);
    style_end(out, colour, RENDER_STRONG);
    if (q->answer.canonical[0]) {
        buf_str(out, ", canonically ");
        put_escaped(out, q->answer.canonical);
        buf_char(out, ',');
    }
    if (n == 1)
        buf_str(out, " has one address:\n");
    else
        buf_printf(out, " has %zu addresses, tried in this order:\n", n);
    for (size_t i = 0; i < n; i++)
        say_address(out, q, &q->rows[i], colour);
}

/* Asking and answering */

static int fail(int error, const char *word)
{
    struct err e;
    err_set(&e, -error, "resolve", word, NULL);
    err_print(&e, stderr);
    return EXIT_NO;
}

/* getaddrinfo's own words, since its codes are no errno's, and who was asked. */
static void say_failure(struct buf *out, struct resolve_query *q, int code)
{
    const char *words = gai_strerror(code);
    if (code == EAI_SERVICE) {
        buf_printf(out, "the services database has no such service for %s",
                   q->question.socket_type == SOCK_DGRAM ? "udp" : "tcp");
        return;
    }
    buf_printf(out, "%c%s", tolower(*words), words + 1);
    resolve_find_origins(&q->question, &q->answer); /* of no address: just reads who is asked */
    for (size_t i = 0; i < q->answer.sources.n; i++) {
        buf_str(out, i ? ", " : " (asked: ");
        put_escaped(out, q->answer.sources.names[i]);
    }
    buf_str(out, q->answer.sources.n ? ")" : "");
}

static int fail_to_resolve(struct resolve_query *q, int code)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 14);
    if (code == EAI_SYSTEM)
        return fail(-errno, q->word);
    put_escaped(&text, q->word);
    buf_str(&text, "': ");
    say_failure(&text, q, code);
    fprintf(stderr, "berth: cannot resolve '%s\n", buf_cstr(&text));
    return EXIT_NO;
}

static int find(const struct resolve_scene *s, struct resolve_query *q,
                const struct resolve_arguments *a)
{
    int code = resolve(&q->question, &q->answer), status = EXIT_YES;
    if (code)
        return fail_to_resolve(q, code);
    resolve_find_origins(&q->question, &q->answer);
    bool look = !a->no_sockets && ((struct resolved *)vec_at(&q->answer.addresses, 0))->port;
    if (look)
        status = resolve_read_sockets(q);
    int r = resolve_make_rows(s, q, look && status == 0);
    return r < 0 ? fail(r, q->word) : status;
}

struct writer {
    struct output *o;
    struct render *render; /* NULL: in words */
    bool any;
};

static int write_query(struct writer *w, const struct resolve_query *q)
{
    int r = 0;
    if (!w->render) {
        if (w->any)
            buf_char(&w->o->out.buf, '\n');
        say(&w->o->out.buf, q, w->o->options.colour);
        r = out_flush_if_full(&w->o->out);
    }
    for (size_t i = 0; r == 0 && w->render && i < q->answer.addresses.len; i++)
        r = render_row(w->render, &q->rows[i]);
    w->any = true;
    return r;
}

static int answer(const struct resolve_scene *s, const struct resolve_arguments *a,
                  const char *word, struct writer *w)
{
    struct resolve_query q;
    int status = read_word(&q, word, a);
    if (status == 0)
        status = find(s, &q, a);
    if (q.rows && q.rows[0].order && write_query(w, &q) < 0)
        status = EXIT_NO;
    resolve_query_clear(&q);
    return status;
}

static int answer_all(const struct resolve_scene *s, const struct resolve_arguments *a,
                      const struct command_words *words, struct output *o)
{
    const struct render_column *chosen[RESOLVE_COLUMNS];
    bool table = o->options.format == RENDER_TABLE;
    size_t n = 0;
    int worst = EXIT_YES;
    _cleanup_render_ struct render *render = NULL;
    if (!table || a->output.columns) {
        int status = output_choose(o, &command_resolve, a->output.columns, resolve_columns,
                                   RESOLVE_COLUMNS, "all", chosen, &n);
        if (status || n == 0)
            return status;
        render = render_new(&o->options, chosen, n, &o->out);
        if (!render)
            return EXIT_NO;
    }
    struct writer w = {.o = o, .render = render};
    for (int i = 0; i < words->n; i++) {
        int status = answer(s, a, words->words[i], &w);
        worst = status > worst ? status : worst;
    }
    if (render && render_end(render) < 0)
        return EXIT_NO;
    return worst;
}

/* A mistake in any word is told before anything is asked. */
static int check_words(const struct resolve_arguments *a, const struct command_words *words)
{
    int status = output_need_word(&command_resolve, &a->output, words);
    if (a->ipv4 && a->ipv6)
        return command_usage_error(&command_resolve, "only one of --ipv4 and --ipv6 can be given");
    for (int i = 0; status == 0 && i < words->n; i++) {
        struct resolve_query q;
        status = read_word(&q, words->words[i], a);
        resolve_query_clear(&q);
    }
    return status;
}

/* Everything is then asked from there. */
static int join(const char *netns)
{
    struct source_report report;
    struct err e = {0};
    source_report_init(&report);
    int r = netns_join(netns, &report, &e);
    sockets_tell_report(&report);
    source_report_clear(&report);
    if (r == 0)
        return 0;
    err_print(&e, stderr);
    return e.code == EPERM || e.code == EACCES ? EXIT_PERMISSION : EXIT_NO;
}

static int run(const void *arguments, const struct command_words *words)
{
    const struct resolve_arguments *a = arguments;
    _cleanup_output_ struct output o;
    struct resolve_scene s = {.links = VEC_INIT(struct net_iface)};
    struct err e = {0};
    int status = output_open(&o, &command_resolve, &a->output);
    if (status == 0)
        status = check_words(a, words);
    if (status == 0 && a->sockets.netns)
        status = join(a->sockets.netns);
    if (status == 0) {
        resolve_read_tables(&s.tables);
        if (links_read(&s.links, &e) < 0)
            err_print(&e, stderr); /* the order can be explained less well */
        status = answer_all(&s, a, words, &o);
    }
    links_free(&s.links);
    return output_close(&o, status);
}

/* For the shells' completion. */
static int values(const char *what, struct vec *ret)
{
    return strcmp(what, "columns") == 0
               ? output_column_values(resolve_columns, RESOLVE_COLUMNS, ret)
               : -ENOENT;
}

const struct command command_resolve = {
    .name = "resolve",
    .group = "See",
    .summary = "show a name's addresses, in order, and who listens at each",
    .usage = "NAME[:SERVICE]…",
    .description =
        "Shows the addresses that a name stands for, in the order of the C library's getaddrinfo, "
        "in which nearly all programs try them. Each tells where it came from: a line of "
        "/etc/hosts, DNS, or another source of nsswitch.conf(5); which rule of RFC 6724 or line of "
        "gai.conf(5) puts it before the next; and, with a port and if the address is this host's "
        "own, who listens there.\n\n"
        "A bare port (3000) stands for this machine, *:3000 for every interface.",
    .options = resolve_options,
    .arguments_size = sizeof(struct resolve_arguments),
    .max_words = -1,
    .values = values,
    .run = run,
};
