/* berth explain socket: what the state of a socket means, who has to move, and what comes next. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/parse.h"
#include "cmd/commands.h"
#include "cmd/explain_socket.h"
#include "cmd/holding.h"
#include "kernel/sysctl.h"
#include "net/endpoint.h"
#include "net/pairs.h"

enum {
    KEPT = 256,  /* sockets that are told; of a busy port the rest is counted */
    PAIRED = 32, /* whose other ends are looked for */
    RANKS = 3
};

struct explain_socket_arguments {
    struct output_arguments output;
    struct sockets_arguments sockets;
};

static const struct command_option explain_socket_options[] = {
    SOCKETS_NETNS_OPTION(struct explain_socket_arguments)
        SOCKETS_VIA_OPTION(struct explain_socket_arguments)
            SOCKETS_FACTS_OPTION(struct explain_socket_arguments){
                .name = "json",
                .letter = 'j',
                .field = offsetof(struct explain_socket_arguments, output.json),
                .group = "Output",
                .help = "a JSON object"},
    {.name = "color",
     .type = OPTION_CHOICE,
     .field = offsetof(struct explain_socket_arguments, output.colour),
     .metavar = "WHEN",
     .choices = output_colour_choices,
     .help = "colours: auto, always or never"},
    {0},
};

/* The word: a filter */

static int usage(const char *word, const char *why)
{
    return command_usage_error(&command_explain_socket, "'%s': %s", word, why);
}

/* "812/3" */
static bool is_descriptor(const char *word, struct buf *ret)
{
    char pid[16];
    uint64_t a, b;
    size_t n = strcspn(word, "/");
    if (!word[n] || n >= sizeof pid)
        return false;
    memcpy(pid, word, n);
    pid[n] = '\0';
    if (parse_u64(pid, 1, INT32_MAX, &a) < 0 || parse_u64(word + n + 1, 0, INT32_MAX, &b) < 0)
        return false;
    buf_printf(ret, "pid = %llu and fd = %llu", (unsigned long long)a, (unsigned long long)b);
    return true;
}

static void put_end(struct buf *out, const char *way, const char *port_word,
                    const struct net_addr *addr, uint32_t port)
{
    buf_printf(out, "%s ", way);
    if (addr->family == AF_INET6)
        buf_char(out, '[');
    net_addr_format(out, addr);
    if (addr->family == AF_INET6)
        buf_char(out, ']');
    buf_printf(out, " and %s = :%u", port_word, port);
}

static int parse_end(const char *word, struct endpoint *ret)
{
    struct err e = {0};
    if (endpoint_parse(word, ENDPOINT_SOCKETS_ONLY | ENDPOINT_MAY_OMIT_SCOPE, ret, &e) < 0)
        return usage(word, e.hint);
    if (!endpoint_has_port(ret->scheme) || ret->service[0] || ret->host == ENDPOINT_NAME ||
        ret->host == ENDPOINT_EVERY_INTERFACE)
        return usage(word, "an address with a port is needed, a port, or PID/FD");
    return 0;
}

static void put_protocol(struct buf *out, const char *word, const struct endpoint *ep)
{
    if (endpoint_scheme_is_written(word))
        buf_str(out, ep->scheme == ENDPOINT_UDP ? "udp and " : "tcp and ");
}

/* *ret_port: the local port that it is about, 0 for any. */
static int read_words(const struct command_words *words, struct buf *ret, uint16_t *ret_port)
{
    struct endpoint local, peer;
    const char *word = words->words[0];
    if (words->n == 1 && is_descriptor(word, ret))
        return 0;
    int status = parse_end(word, &local);
    if (status)
        return status;
    *ret_port = local.port;
    put_protocol(ret, word, &local);
    if (local.host == ENDPOINT_ADDRESS)
        put_end(ret, "src", "sport", &local.addr, local.port);
    else
        buf_printf(ret, "sport = :%u", local.port);
    if (words->n == 1)
        return 0;
    status = parse_end(words->words[1], &peer);
    if (status)
        return status;
    if (local.host != ENDPOINT_ADDRESS || peer.host != ENDPOINT_ADDRESS)
        return usage(words->words[1], "of a pair of ends each needs its address");
    buf_str(ret, " and ");
    put_end(ret, "dst", "dport", &peer.addr, peer.port);
    return 0;
}

/* Reading */

struct reading {
    struct sockets sockets;
    struct vec rows; /* struct socket_row *, owned */
    size_t left_out;
};

static int keep(void *ctx, const struct socket_row *row)
{
    struct reading *r = ctx;
    if (r->rows.len >= KEPT) {
        r->left_out++;
        return 0;
    }
    struct socket_row *copy = socket_row_copy(row);
    if (copy && vec_add(&r->rows, &copy) == 0)
        return 0;
    socket_row_free(copy);
    return -ENOMEM;
}

static int fail(const struct err *e)
{
    err_print(e, stderr);
    return e->code == EPERM || e->code == EACCES ? EXIT_PERMISSION : EXIT_NO;
}

/* Always to be cleared. 0, or an exit status after a message. */
static int read_sockets(struct reading *r, const struct sockets_arguments *a, const char *filter,
                        uint16_t port)
{
    struct err e = {0};
    *r = (struct reading){.rows = VEC_INIT(struct socket_row *)};
    int status = sockets_init(&r->sockets, &command_explain_socket, a);
    if (status)
        return status;
    r->sockets.query.kinds = 1u << NET_TCP | 1u << NET_UDP;
    r->sockets.query.local_port = port;
    r->sockets.query.detail =
        SOURCE_OWNERS | SOURCE_CMDLINE | SOURCE_TIMERS | SOURCE_MEMORY | SOURCE_TCP_INFO;
    status = sockets_filter(&r->sockets, filter, false);
    if (status)
        return status;
    int result = sockets_read(&r->sockets, keep, r, &e);
    if (result < 0 && !e.code)
        err_set(&e, -result, "read", "sockets", NULL);
    return result < 0 ? fail(&e) : 0;
}

static void clear_reading(struct reading *r)
{
    for (size_t i = 0; i < r->rows.len; i++)
        socket_row_free(*(struct socket_row **)vec_at(&r->rows, i));
    vec_free(&r->rows);
    sockets_clear(&r->sockets);
}

static const struct net_socket *socket_at(const struct reading *r, size_t i)
{
    return (*(struct socket_row **)vec_at(&r->rows, i))->socket;
}

/* The other ends */

static bool has_far_end(const struct net_socket *s)
{
    return s->peer_port && (s->family == AF_INET || s->family == AF_INET6);
}

static void put_wish(struct buf *out, const struct net_socket *s)
{
    struct net_addr local = net_addr_unmap(&s->local), peer = net_addr_unmap(&s->peer);
    buf_str(out, out->len ? " or (" : "(");
    put_end(out, "src", "sport", &peer, s->peer_port);
    buf_str(out, " and ");
    put_end(out, "dst", "dport", &local, s->local_port);
    buf_char(out, ')');
    if (s->detached == NET_IN_QUEUE)
        buf_printf(out, " or (state listening and sport = :%u)", s->local_port);
}

static bool serves(const struct net_socket *listener, const struct net_socket *s)
{
    struct net_addr a = net_addr_unmap(&listener->local), b = net_addr_unmap(&s->local);
    return listener->state == NET_LISTEN && listener->local_port == s->local_port &&
           (net_addr_is_wildcard(&a) ||
            (a.family == b.family && memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0));
}

static const struct net_socket *find_listener(const struct reading *r, const struct net_socket *s)
{
    const struct net_socket *best = NULL;
    for (size_t i = 0; i < r->rows.len; i++) {
        const struct net_socket *one = socket_at(r, i);
        if (one->kind == s->kind && serves(one, s) && (!best || net_addr_is_wildcard(&best->local)))
            best = one;
    }
    return best;
}

static void add_far_end(struct socket_case *c, const struct net_socket *far)
{
    struct predict_patience patience;
    predict_patience_init(&patience);
    c->far = far;
    if (far)
        predict_state(far, &patience, &c->far_state);
}

static int pair(struct reading *all, struct reading *others, const struct sockets_arguments *a,
                struct socket_answer *answer)
{
    _cleanup_buf_ struct buf wish = BUF_INIT(1 << 16);
    struct net_pairs pairs;
    struct socket_case *cases = answer->cases.items;
    uint16_t port = 0;
    bool several = false;
    for (size_t i = 0; i < answer->cases.len && i < PAIRED; i++) {
        const struct net_socket *s = cases[i].socket;
        if (!has_far_end(s))
            continue;
        put_wish(&wish, s);
        several |= (port && port != s->peer_port) || s->detached == NET_IN_QUEUE;
        port = (uint16_t)s->peer_port;
    }
    if (wish.len == 0)
        return 0;
    int status = read_sockets(others, a, buf_cstr(&wish), several ? 0 : port);
    net_pairs_init(&pairs);
    for (size_t i = 0; status == 0 && i < others->rows.len; i++)
        if (net_pairs_add(&pairs, socket_at(others, i)) < 0)
            status = EXIT_NO;
    for (size_t i = 0; status == 0 && i < answer->cases.len; i++) {
        if (has_far_end(cases[i].socket))
            add_far_end(&cases[i], net_pairs_far_end(&pairs, cases[i].socket));
        if (cases[i].socket->detached == NET_IN_QUEUE) {
            cases[i].listener = find_listener(others, cases[i].socket);
            if (!cases[i].listener)
                cases[i].listener = find_listener(all, cases[i].socket);
        }
    }
    net_pairs_clear(&pairs);
    return status;
}

/* Answering */

/* Those that somebody should look at come first, then listeners, then what runs as it should. */
static int rank(const struct socket_case *c)
{
    switch (c->state.situation) {
    case SITUATION_QUEUE_FULL:
    case SITUATION_NOT_CLOSED:
    case SITUATION_ZERO_WINDOW:
    case SITUATION_RETRANSMITS:
    case SITUATION_RECEIVE_FULL:
        return 0;
    case SITUATION_LISTENS:
    case SITUATION_TO_ACCEPT:
    case SITUATION_NOT_ACCEPTED:
    case SITUATION_UNREAD:
        return 1;
    default:
        return 2;
    }
}

static void read_patience(const struct sockets *s, struct predict_patience *ret)
{
    _cleanup_buf_ struct buf value = BUF_INIT(SYSCTL_MAX);
    predict_patience_init(ret);
    for (size_t i = 0; predict_patience_names[i]; i++)
        if (sockets_sysctl(s, predict_patience_names[i], &value) == 0)
            predict_patience_read(ret, predict_patience_names[i], buf_cstr(&value));
}

static int sort_out(const struct reading *r, struct socket_answer *ret)
{
    struct predict_patience patience;
    read_patience(&r->sockets, &patience);
    for (int wanted = 0; wanted < RANKS; wanted++)
        for (size_t i = 0; i < r->rows.len; i++) {
            struct socket_case c = {.socket = socket_at(r, i)};
            predict_state(c.socket, &patience, &c.state);
            if (rank(&c) == wanted && vec_add(&ret->cases, &c) < 0)
                return -ENOMEM;
        }
    ret->left_out = r->left_out;
    return 0;
}

static int answer(const struct explain_socket_arguments *a, const char *filter, uint16_t port,
                  struct output *o)
{
    struct reading all, others = {0};
    struct socket_answer found = {.cases = VEC_INIT(struct socket_case)};
    int status = read_sockets(&all, &a->sockets, filter, port);
    if (status == 0 && sort_out(&all, &found) < 0)
        status = EXIT_NO;
    if (status == 0)
        status = pair(&all, &others, &a->sockets, &found);
    if (status == 0) {
        if (o->options.format == RENDER_JSON)
            explain_socket_show_json(o, &found);
        else
            explain_socket_show_words(o, &found);
        sockets_tell_notes(&all.sockets);
        status = found.cases.len ? EXIT_YES : EXIT_NO;
    }
    vec_free(&found.cases);
    clear_reading(&all);
    clear_reading(&others);
    return status;
}

static int run(const void *arguments, const struct command_words *words)
{
    const struct explain_socket_arguments *a = arguments;
    _cleanup_output_ struct output o = {0};
    _cleanup_buf_ struct buf filter = BUF_INIT(4096);
    uint16_t port = 0;
    int status = read_words(words, &filter, &port);
    if (status)
        return status;
    status = output_open(&o, &command_explain_socket, &a->output);
    if (status)
        return status;
    status = answer(a, buf_cstr(&filter), port, &o);
    return output_close(&o, status);
}

const struct command command_explain_socket = {
    .name = "explain socket",
    .group = "Explain",
    .summary = "say what a socket's state means, and who has to move",
    .usage = "PID/FD | [ADDRESS]:PORT [PEER:PORT]",
    .description =
        "Says what the state of a socket means for it: who has to move, for how long that may "
        "last, what happens next and when, and what the queues say; with both ends where both are "
        "on this host. The socket is meant by a process and its descriptor, by its own end, or by "
        "both ends; a port alone means all the sockets that have it.\n"
        "Exit status: 0 there is such a socket, 1 there is none.",
    .options = explain_socket_options,
    .arguments_size = sizeof(struct explain_socket_arguments),
    .min_words = 1,
    .max_words = 2,
    .run = run,
};
