/* berth explain bind: whether bind(2) and listen(2) will succeed, and if not, which call fails,
 * how, who stands in the way, and what would change that. */
#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/explain_ask.h"
#include "cmd/explain_bind.h"
#include "cmd/explain_words.h"
#include "cmd/output.h"
#include "cmd/targets.h"
#include "names/users.h"
#include "render/style.h"

#define FIELD(member) offsetof(struct explain_bind_arguments, member)
static const struct command_option explain_bind_options[] = {
    {.name = "udp",
     .letter = 'u',
     .field = FIELD(udp),
     .group = "The socket",
     .help = "a UDP socket"},
    {.name = "reuseaddr", .field = FIELD(reuseaddr), .help = "with SO_REUSEADDR"},
    {.name = "reuseport", .field = FIELD(reuseport), .help = "with SO_REUSEPORT"},
    {.name = "v6only",
     .field = FIELD(v6only),
     .help = "with IPV6_V6ONLY: an IPv6 socket that takes no IPv4"},
    {.name = "dual-stack",
     .field = FIELD(dual_stack),
     .help = "without IPV6_V6ONLY, whatever net.ipv6.bindv6only says"},
    {.name = "device",
     .type = OPTION_TEXT,
     .field = FIELD(device),
     .metavar = "DEVICE",
     .completes = "device",
     .help = "with SO_BINDTODEVICE"},
    {.name = "uid",
     .type = OPTION_TEXT,
     .field = FIELD(uid),
     .metavar = "USER",
     .completes = "user",
     .help = "of a program of this user; yours otherwise"},
    {.name = "no-listen", .field = FIELD(no_listen), .help = "bind alone, no listen after it"},
    {.name = "freebind", .field = FIELD(freebind), .help = "with IP_FREEBIND"},
    {.name = "transparent", .field = FIELD(transparent), .help = "with IP_TRANSPARENT"},
    {.name = "try",
     .field = FIELD(tries),
     .help = "do it for real then, as that user, and say whether the kernel agreed"},
    SOCKETS_NETNS_OPTION(struct explain_bind_arguments)
        SOCKETS_VIA_OPTION(struct explain_bind_arguments)
            SOCKETS_FACTS_OPTION(struct explain_bind_arguments){.name = "json",
                                                                .letter = 'j',
                                                                .field = FIELD(output.json),
                                                                .group = "Output",
                                                                .help = "a JSON object"},
    {.name = "color",
     .type = OPTION_CHOICE,
     .field = FIELD(output.colour),
     .metavar = "WHEN",
     .choices = output_colour_choices,
     .help = "colours: auto, always or never"},
    {0},
};

/* The question */

static int find_user(struct bind_question *q)
{
    uint64_t number;
    const char *word = q->arguments->uid;
    q->uid = q->host->uid;
    q->privileged = q->host->may_bind_low_ports;
    q->may_transparent = q->host->may_transparent;
    if (!word)
        return 0;
    if (parse_u64(word, 0, UINT32_MAX - 1, &number) == 0)
        q->uid = (uint32_t)number;
    else if (users_uid(word, &q->uid) < 0)
        return command_usage_error(&command_explain_bind, "there is no user '%s'", word);
    if (q->uid == q->host->uid)
        return 0;
    if (q->arguments->tries && q->host->uid != 0)
        return command_usage_error(&command_explain_bind, "--try as another user takes root");
    /* Another user's programs have what users usually have. */
    q->privileged = q->may_transparent = q->uid == 0;
    return 0;
}

void explain_bind_candidate(const struct bind_question *q, const struct target *t,
                            struct predict_candidate *ret)
{
    const struct explain_bind_arguments *a = q->arguments;
    const char *device = a->device ? a->device : t->device;
    *ret = (struct predict_candidate){.kind = t->type == SOCK_DGRAM ? NET_UDP : NET_TCP,
                                      .family = (uint16_t)t->family,
                                      .uid = q->uid,
                                      .reuseaddr = a->reuseaddr,
                                      .reuseport = a->reuseport,
                                      .freebind = a->freebind,
                                      .transparent = a->transparent,
                                      .privileged = q->privileged,
                                      .may_transparent = q->may_transparent,
                                      .listens = !a->no_listen && t->type == SOCK_STREAM};
    target_get_ip(&t->address, &ret->addr, &ret->port);
    explain_ask_own(q->host, ret);
    ret->v6only = a->v6only || a->dual_stack ? a->v6only
                  : t->v6only >= 0           ? t->v6only == 1
                                             : q->host->settings.bindv6only;
    if (*device) {
        ret->ifindex = explain_host_device(q->host, device);
        ret->unknown_device = ret->ifindex == 0;
    }
}

static int choose(const struct predict_host *host, struct bind_answer *a)
{
    a->choice = malloc(sizeof *a->choice);
    if (!a->choice)
        return -ENOMEM;
    predict_choose_port(&a->candidate, host, a->choice);
    return 0;
}

bool explain_bind_is_vague(const struct predict_bind *b)
{
    const struct predict_blocker *all = b->blockers.items;
    if (b->verdict == PREDICT_DEPENDS)
        return true;
    for (size_t i = 0; b->verdict == PREDICT_FAILS && i < b->blockers.len; i++)
        if (!net_socket_knows(all[i].socket, NET_F_REUSEADDR) ||
            !net_socket_knows(all[i].socket, NET_F_REUSEPORT))
            return true;
    return false;
}

/* The prediction; where something is hidden from the quick look, a deeper one follows. */
static int foretell(struct bind_question *q, struct bind_answer *a,
                    const struct predict_host **ret_host, struct err *e)
{
    do {
        predict_bind_clear(&a->bind);
        int result = explain_host_at(q->host, a->candidate.kind, a->candidate.port, ret_host, e);
        if (result < 0)
            return result;
        result = predict_bind(&a->candidate, *ret_host, &a->bind);
        if (result < 0)
            return err_set(e, -result, "explain", "", NULL);
    } while (explain_bind_is_vague(&a->bind) && explain_host_deepen(q->host));
    return 0;
}

static int try_it(void *ctx, struct err *e)
{
    struct bind_answer *a = ctx;
    return explain_try_bind(&a->candidate, &a->target, &a->trial, e);
}

static int answer_one(struct bind_question *q, const struct target *t, struct err *e)
{
    struct bind_answer *a = vec_push(&q->answers);
    const struct predict_host *host;
    if (!a)
        return err_set(e, ENOMEM, "explain", "", NULL);
    a->target = *t;
    a->remedies = VEC_INIT(struct predict_remedy);
    explain_bind_candidate(q, t, &a->candidate);
    int result = foretell(q, a, &host, e);
    if (result < 0)
        return result;
    if (a->bind.verdict != PREDICT_SUCCEEDS)
        result = predict_remedies(&a->candidate, host, &a->bind, &a->remedies);
    if (result == 0 && a->bind.error == EADDRINUSE && a->candidate.port)
        a->free_port = explain_ask_free_port(q->host, &a->candidate);
    if (result == 0 && a->candidate.port == 0)
        result = choose(host, a);
    if (result == 0 && q->arguments->tries)
        result = sockets_visit(&q->host->sockets, try_it, a, e);
    return result < 0 && !e->code ? err_set(e, -result, "explain", "", NULL) : result;
}

/* A family that this host doesn't have is no failure where another address is asked for too. */
static bool is_absent(const struct bind_answer *a)
{
    return a->bind.rule == RULE_NO_IPV6 || a->bind.rule == RULE_NOT_HERE;
}

const struct bind_answer *explain_bind_overall(const struct bind_question *q)
{
    const struct bind_answer *all = q->answers.items, *decides = &all[0];
    bool any = q->endpoint->host == ENDPOINT_NAME;
    for (size_t i = 0; i < q->answers.len; i++) {
        if (any && all[i].bind.verdict == PREDICT_SUCCEEDS)
            return &all[i];
        if (!any && all[i].bind.verdict == PREDICT_FAILS &&
            (!is_absent(&all[i]) || q->answers.len == 1))
            return &all[i];
        if (any ? all[i].bind.verdict == PREDICT_DEPENDS && decides->bind.verdict == PREDICT_FAILS
                : all[i].bind.verdict == PREDICT_DEPENDS)
            decides = &all[i];
        else if (!any && is_absent(decides))
            decides = &all[i];
    }
    return decides;
}

/* The command */

/* A trial knows better, and what depends. */
static int status_of(const struct bind_question *q)
{
    const struct bind_answer *a = explain_bind_overall(q);
    if (a->trial.done)
        return a->trial.error ? EXIT_NO : EXIT_YES;
    switch (a->bind.verdict) {
    case PREDICT_SUCCEEDS:
        return EXIT_YES;
    case PREDICT_FAILS:
        return EXIT_NO;
    case PREDICT_DEPENDS:
        break;
    }
    return EXIT_PERMISSION;
}

static int fail(const struct err *e)
{
    err_print(e, stderr);
    return EXIT_NO;
}

static int answer_all(struct bind_question *q, struct output *o)
{
    _cleanup_vec_ struct vec targets = VEC_INIT(struct target);
    struct err e = {0};
    const struct targets_question asked = {
        .endpoint = q->endpoint, .family = AF_UNSPEC, .listens = true};
    if (targets_find(&asked, &targets, &e) < 0)
        return fail(&e);
    bool range = explain_bind_is_range(q);
    if (range && explain_bind_range(q, &targets, &e) < 0)
        return fail(&e);
    for (size_t i = 0; !range && i < targets.len; i++)
        if (answer_one(q, vec_at(&targets, i), &e) < 0)
            return fail(&e);
    if (o->options.format == RENDER_JSON)
        explain_bind_show_json(o, q);
    else if (range)
        explain_bind_show_range(o, q);
    else
        explain_bind_show_words(o, q);
    return status_of(q);
}

static void clear_question(struct bind_question *q)
{
    struct bind_answer *all = q->answers.items;
    for (size_t i = 0; i < q->answers.len; i++) {
        predict_bind_clear(&all[i].bind);
        vec_free(&all[i].remedies);
        vec_free(&all[i].free);
        free(all[i].choice);
    }
    vec_free(&q->answers);
    users_clear(&q->users);
}

static int mistake(const char *why)
{
    return command_usage_error(&command_explain_bind, "%s", why);
}

/* What can't be meant; the words stay as they are. */
static int check(const struct explain_bind_arguments *a, const struct endpoint *ep)
{
    if (a->tries && a->sockets.facts)
        return mistake("--try and --facts can't be given together");
    if (a->tries && ep->port_last > ep->port)
        return mistake("--try and a range of ports can't be given together");
    if (a->v6only && a->dual_stack)
        return mistake("--v6only and --dual-stack can't be given together");
    if (a->device && !*a->device)
        return mistake("--device needs the name of a device");
    return 0;
}

static int parse_endpoint(const struct explain_bind_arguments *a, const char *word,
                          struct endpoint *ret)
{
    struct err e = {0};
    unsigned accepts = ENDPOINT_SOCKETS_ONLY | ENDPOINT_MAY_RANGE | ENDPOINT_MAY_OMIT_SCOPE;
    if (endpoint_parse(word, accepts, ret, &e) < 0)
        return command_usage_error(&command_explain_bind, "'%s': %s", word, e.hint);
    if (a->udp && endpoint_scheme_is_written(word) && ret->scheme != ENDPOINT_UDP)
        return command_usage_error(&command_explain_bind,
                                   "'%s': its scheme and --udp contradict each other", word);
    if (a->udp)
        ret->scheme = ENDPOINT_UDP;
    if (!endpoint_has_port(ret->scheme))
        return command_usage_error(&command_explain_bind, "'%s': only TCP and UDP can be explained",
                                   word);
    return check(a, ret);
}

static int run(const void *arguments, const struct command_words *words)
{
    const struct explain_bind_arguments *a = arguments;
    _cleanup_output_ struct output o = {0};
    struct endpoint ep;
    struct explain_host host;
    int status = parse_endpoint(a, words->words[0], &ep);
    if (status)
        return status;
    status = output_open(&o, &command_explain_bind, &a->output);
    if (status)
        return status;
    status = explain_host_open(&host, &command_explain_bind, &a->sockets);
    struct bind_question q = {
        .arguments = a, .host = &host, .endpoint = &ep, .answers = VEC_INIT(struct bind_answer)};
    if (status == 0)
        status = find_user(&q);
    if (status == 0)
        status = answer_all(&q, &o);
    status = output_close(&o, status);
    clear_question(&q);
    explain_host_close(&host);
    return status;
}

const struct command command_explain_bind = {
    .name = "explain bind",
    .group = "Explain",
    .summary = "say whether a bind will succeed, and why not",
    .usage = "ENDPOINT",
    .description =
        "Says beforehand whether bind(2), and listen(2) after it, will succeed for a program with "
        "these options, and if not: which call fails with which error, which sockets stand in the "
        "way, by which rule, and what would change that. ENDPOINT is written as in "
        "berth-endpoint(7); a range of ports lists what of it is free, port 0 says what the kernel "
        "can choose from. A name is explained for each of its addresses.\n"
        "Exit status: 0 it succeeds, 1 it fails, 3 it depends on what may not be seen; with --try "
        "0 or 1, as the trial has it.",
    .options = explain_bind_options,
    .arguments_size = sizeof(struct explain_bind_arguments),
    .min_words = 1,
    .max_words = 1,
    .run = run,
};
