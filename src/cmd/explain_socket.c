/* berth explain socket: what the state of a socket means, who has to move, and what comes next. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/parse.h"
#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/explain_socket.h"
#include "kernel/descriptor.h"
#include "kernel/privilege.h"
#include "kernel/sysctl.h"
#include "net/endpoint.h"
#include "net/pairs.h"
#include "predict/lookup.h"

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

/* The words */

static int usage(const char *word, const char *why)
{
    return command_usage_error(&command_explain_socket, "'%s': %s", word, why);
}

/* "812/3" */
static bool is_descriptor(const char *word, struct socket_target *ret)
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
    ret->pid = (int32_t)a;
    ret->fd = (int32_t)b;
    return true;
}

static int parse_end(const char *word, struct endpoint *ret)
{
    struct err e = {0};
    if (endpoint_parse(word, ENDPOINT_SOCKETS_ONLY | ENDPOINT_MAY_OMIT_SCOPE, ret, &e) < 0)
        return usage(word, e.hint);
    if (!endpoint_has_port(ret->scheme) || ret->service[0] || ret->host == ENDPOINT_NAME ||
        ret->host == ENDPOINT_EVERY_INTERFACE)
        return usage(word, "an address with a port is needed, a port, or PID/FD");
    if (ret->port == 0)
        return usage(word, "no socket has port 0");
    return 0;
}

static void take_end(const struct endpoint *ep, struct net_addr *ret, uint16_t *ret_port)
{
    if (ep->host == ENDPOINT_ADDRESS)
        *ret = ep->addr;
    *ret_port = ep->port;
}

static int read_words(const struct command_words *words, struct socket_target *ret)
{
    struct endpoint local, peer;
    const char *word = words->words[0];
    *ret = (struct socket_target){.kinds = 1u << NET_TCP | 1u << NET_UDP};
    if (words->n == 1 && is_descriptor(word, ret))
        return 0;
    int status = parse_end(word, &local);
    if (status)
        return status;
    if (endpoint_scheme_is_written(word))
        ret->kinds = local.scheme == ENDPOINT_UDP ? 1u << NET_UDP : 1u << NET_TCP;
    take_end(&local, &ret->local, &ret->local_port);
    if (words->n == 1)
        return 0;
    status = parse_end(words->words[1], &peer);
    if (status)
        return status;
    if (local.host != ENDPOINT_ADDRESS || peer.host != ENDPOINT_ADDRESS)
        return usage(words->words[1], "of a pair of ends each needs its address");
    take_end(&peer, &ret->peer, &ret->peer_port);
    return 0;
}

/* The other ends */

/* The listener that gets what comes from the client: the rule is predict's. */
static int find_listener(const struct socket_found *f, const struct net_socket *s,
                         const struct net_socket **ret)
{
    const struct predict_packet packet = {.kind = s->kind,
                                          .from = net_addr_unmap(&s->peer),
                                          .to = net_addr_unmap(&s->local),
                                          .to_port = (uint16_t)s->local_port,
                                          .ifindex = s->ifindex};
    _cleanup_vec_ struct vec all = VEC_INIT(const struct net_socket *);
    struct predict_receiver receiver;
    int result = 0;
    for (size_t i = 0; i < f->rows.len && result == 0; i++) {
        const struct net_socket *row = socket_found_at(f, i);
        result = vec_add(&all, &row);
    }
    const struct predict_host host = {.sockets = all.items, .n_sockets = all.len};
    if (result < 0)
        return result;
    result = predict_lookup(&packet, &host, &receiver);
    *ret = receiver.socket;
    predict_receiver_clear(&receiver);
    return result;
}

static void add_far_end(struct socket_case *c, const struct net_socket *far)
{
    struct predict_patience patience;
    predict_patience_init(&patience);
    c->far = far;
    if (!far)
        return;
    predict_state(far, &patience, &c->far_state);
    predict_state_with(&c->state, far->state);
}

static int pair(const struct socket_found *f, struct socket_answer *answer)
{
    struct net_pairs pairs;
    struct socket_case *cases = answer->cases.items;
    int result = 0;
    net_pairs_init(&pairs);
    for (size_t i = 0; i < f->rows.len && result == 0; i++)
        result = net_pairs_add(&pairs, socket_found_at(f, i));
    for (size_t i = 0; i < answer->cases.len && result == 0; i++) {
        const struct net_socket *s = cases[i].socket;
        if (s->peer_port)
            add_far_end(&cases[i], net_pairs_far_end(&pairs, s));
        if (s->detached == NET_IN_QUEUE)
            result = find_listener(f, s, &cases[i].listener);
    }
    net_pairs_clear(&pairs);
    return result;
}

/* Answering */

static void read_patience(const struct sockets *s, struct predict_patience *ret)
{
    _cleanup_buf_ struct buf value = BUF_INIT(SYSCTL_MAX);
    predict_patience_init(ret);
    for (size_t i = 0; predict_patience_names[i]; i++)
        if (sockets_sysctl(s, predict_patience_names[i], &value) == 0)
            predict_patience_read(ret, predict_patience_names[i], buf_cstr(&value));
}

static int sort_out(const struct socket_found *f, struct socket_answer *ret)
{
    struct predict_patience patience;
    read_patience(&f->sockets, &patience);
    for (int wanted = 0; wanted < SOCKET_RANKS; wanted++)
        for (size_t i = 0; i < f->n_meant; i++) {
            struct socket_case c = {.socket = socket_found_at(f, i)};
            predict_state(c.socket, &patience, &c.state);
            if (socket_rank(&c.state) == wanted && vec_add(&ret->cases, &c) < 0)
                return -ENOMEM;
        }
    ret->left_out = f->left_out;
    return 0;
}

/* Why a descriptor leads to nothing that is explained: its exit status. */
static int tell_descriptor(const struct socket_target *t, struct buf *out)
{
    char protocol[32];
    switch (descriptor_socket(t->pid, t->fd)) {
    case -ESRCH:
        buf_printf(out, "there is no process %d", t->pid);
        return EXIT_NO;
    case -ENOENT:
        buf_printf(out, "process %d has no descriptor %d", t->pid, t->fd);
        return EXIT_NO;
    case -EACCES:
    case -EPERM:
        buf_printf(out, "what descriptor %d of process %d is may not be seen (%s)", t->fd, t->pid,
                   privilege_to_see());
        return EXIT_PERMISSION;
    case -ENOTSOCK:
        buf_printf(out, "descriptor %d of process %d is no socket", t->fd, t->pid);
        return EXIT_NO;
    default:
        break;
    }
    if (descriptor_protocol(t->pid, t->fd, protocol, sizeof protocol) < 0)
        protocol[0] = '\0';
    buf_printf(out, "descriptor %d of process %d is a socket", t->fd, t->pid);
    if (!protocol[0] || strncmp(protocol, "TCP", 3) == 0 || strncmp(protocol, "UDP", 3) == 0) {
        buf_str(out, ", but none of this network namespace");
        return EXIT_NO;
    }
    buf_str(out, " of the protocol ");
    text_escape(out, protocol, strlen(protocol));
    buf_str(out, ": only TCP and UDP are explained");
    return EXIT_NO;
}

static int answer(const struct explain_socket_arguments *a, const struct socket_target *target,
                  struct output *o)
{
    struct socket_found found;
    _cleanup_buf_ struct buf none = BUF_INIT(256);
    struct socket_answer told = {.cases = VEC_INIT(struct socket_case), .none = &none};
    int status = socket_find(&found, &a->sockets, target);
    if (status == 0 && (sort_out(&found, &told) < 0 || pair(&found, &told) < 0))
        status = EXIT_NO;
    if (status == 0) {
        int absent = EXIT_NO;
        if (told.cases.len == 0 && target->pid && !a->sockets.facts)
            absent = tell_descriptor(target, &none);
        if (o->options.format == RENDER_JSON)
            explain_socket_show_json(o, &told);
        else
            explain_socket_show_words(o, &told);
        if (o->options.format == RENDER_JSON && none.len)
            err_tell("%s", buf_cstr(&none));
        sockets_tell_notes(&found.sockets);
        status = told.cases.len ? EXIT_YES : absent;
    }
    vec_free(&told.cases);
    socket_found_clear(&found);
    return status;
}

static int run(const void *arguments, const struct command_words *words)
{
    const struct explain_socket_arguments *a = arguments;
    _cleanup_output_ struct output o = {0};
    struct socket_target target;
    int status = read_words(words, &target);
    if (status)
        return status;
    status = output_open(&o, &command_explain_socket, &a->output);
    if (status)
        return status;
    return output_close(&o, answer(a, &target, &o));
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
        "Exit status: 0 there is such a socket, 1 there is none, 3 that may not be seen.",
    .options = explain_socket_options,
    .arguments_size = sizeof(struct explain_socket_arguments),
    .min_words = 1,
    .max_words = 2,
    .run = run,
};
