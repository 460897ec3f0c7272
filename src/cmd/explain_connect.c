/* berth explain connect: which socket a connection would reach, and if none, why. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cmd/commands.h"
#include "cmd/explain_connect.h"
#include "cmd/targets.h"
#include "kernel/netns_join.h"

#define FIELD(member) offsetof(struct explain_connect_arguments, member)
static const struct command_option explain_connect_options[] = {
    {.name = "udp",
     .letter = 'u',
     .field = FIELD(udp),
     .group = "The connection",
     .help = "of UDP, which connects to nobody: who would receive"},
    {.name = "from",
     .type = OPTION_TEXT,
     .field = FIELD(from),
     .metavar = "ADDRESS[:PORT]",
     .help = "from this address of this host, or of another; :PORT alone: from this port"},
    {.name = "device",
     .type = OPTION_TEXT,
     .field = FIELD(device),
     .metavar = "DEVICE",
     .completes = "device",
     .help = "with SO_BINDTODEVICE"},
    {.name = "try",
     .field = FIELD(tries),
     .help = "connect for real then, send nothing, and say whether the kernel agreed"},
    SOCKETS_NETNS_OPTION(struct explain_connect_arguments)
        SOCKETS_VIA_OPTION(struct explain_connect_arguments)
            SOCKETS_FACTS_OPTION(struct explain_connect_arguments){.name = "json",
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

/* The answer to all of it */

/* A program goes on to the next address after these. */
static bool fails_at_once(const struct connect_answer *a)
{
    enum predict_outcome o = a->connect.outcome;
    return o == CONNECT_REFUSED || o == CONNECT_UNREACHABLE || o == CONNECT_BLOCKED;
}

const struct connect_answer *explain_connect_overall(const struct connect_question *q)
{
    const struct connect_answer *all = q->answers.items;
    for (size_t i = 0; i < q->answers.len; i++)
        if (!fails_at_once(&all[i]))
            return &all[i];
    return &all[q->answers.len - 1];
}

static int status_of(const struct connect_question *q)
{
    const struct connect_answer *a = explain_connect_overall(q);
    bool open = a->connect.outcome == CONNECT_REMOTE || a->connect.outcome == CONNECT_DEPENDS;
    bool wrong = explain_connect_trial_agrees(&a->trial, &a->connect, a->connection.kind) == TRI_NO;
    if (a->trial.done && (wrong || (open && a->connection.kind == NET_TCP)))
        return a->trial.error || a->trial.timed_out ? EXIT_NO : EXIT_YES;
    if (open)
        return EXIT_PERMISSION;
    return a->connect.outcome == CONNECT_ACCEPTED ? EXIT_YES : EXIT_NO;
}

/* The question */

static int usage(const char *word, const char *why)
{
    return command_usage_error(&command_explain_connect, "'%s': %s", word, why);
}

static int parse_endpoint(const struct explain_connect_arguments *a, const char *word,
                          struct endpoint *ret)
{
    struct err e = {0};
    if (endpoint_parse(word, ENDPOINT_SOCKETS_ONLY | ENDPOINT_MAY_OMIT_SCOPE, ret, &e) < 0)
        return usage(word, e.hint);
    if (a->udp)
        ret->scheme = ENDPOINT_UDP;
    if (!endpoint_has_port(ret->scheme))
        return usage(word, "only TCP and UDP can be explained");
    if (ret->port == 0 && !ret->service[0])
        return usage(word, "nobody can be at port 0");
    if (a->device && !*a->device)
        return command_usage_error(&command_explain_connect, "--device: a device has a name");
    if (a->tries && a->sockets.facts)
        return command_usage_error(&command_explain_connect,
                                   "--try and --facts can't be given together");
    return 0;
}

/* "192.0.2.7", "192.0.2.7:4000", "[::1]:4000", ":4000" */
static int parse_source(struct connect_question *q)
{
    const char *word = q->arguments->from;
    struct endpoint ep;
    struct err e = {0};
    if (!word)
        return 0;
    if (endpoint_parse(word, ENDPOINT_SOCKETS_ONLY | ENDPOINT_MAY_OMIT_PORT, &ep, &e) < 0)
        return usage(word, e.hint);
    if (!endpoint_has_port(ep.scheme) || ep.service[0] ||
        (ep.host != ENDPOINT_ADDRESS && ep.host != ENDPOINT_THIS_MACHINE))
        return usage(word, "an address is needed, and a port as a number if any");
    if (ep.host == ENDPOINT_THIS_MACHINE && !ep.port)
        return usage(word, "port 0 is no port, and an address is written with its dots or colons");
    if (ep.host == ENDPOINT_ADDRESS)
        q->from = ep.addr;
    if (endpoint_device_is_scope(&ep))
        q->from.scope = explain_host_device(q->host, ep.device);
    q->from_port = ep.port;
    return 0;
}

/* The command */

static int fail(const struct err *e)
{
    err_print(e, stderr);
    return e->code == EPERM || e->code == EACCES ? EXIT_PERMISSION : EXIT_NO;
}

/* Names are resolved there too, and --try connects from there. */
static int join(const char *netns)
{
    struct source_report report;
    struct err e = {0};
    source_report_init(&report);
    int r = netns_join(netns, &report, &e);
    sockets_tell_report(&report);
    source_report_clear(&report);
    return r < 0 ? fail(&e) : 0;
}

static int answer_all(struct connect_question *q, struct output *o)
{
    _cleanup_vec_ struct vec targets = VEC_INIT(struct target);
    struct err e = {0};
    const struct targets_question asked = {.endpoint = q->endpoint, .family = AF_UNSPEC};
    if (targets_find(&asked, &targets, &e) < 0)
        return fail(&e);
    for (size_t i = 0; i < targets.len; i++) {
        struct connect_answer *a = vec_push(&q->answers);
        if (!a)
            err_set(&e, ENOMEM, "explain", "", NULL);
        if (!a || explain_connect_answer(q, vec_at(&targets, i), a, &e) < 0)
            return fail(&e);
    }
    if (o->options.format == RENDER_JSON)
        explain_connect_show_json(o, q);
    else
        explain_connect_show_words(o, q);
    return status_of(q);
}

static int run_there(const struct explain_connect_arguments *a, const struct endpoint *ep,
                     struct output *o)
{
    struct explain_host host;
    struct sockets_arguments here = a->sockets;
    here.netns = NULL;
    int status = explain_host_open(&host, &command_explain_connect, &here);
    struct connect_question q = {
        .arguments = a, .host = &host, .endpoint = ep, .answers = VEC_INIT(struct connect_answer)};
    if (status == 0)
        status = parse_source(&q);
    if (status == 0)
        status = answer_all(&q, o);
    explain_connect_question_clear(&q);
    explain_host_close(&host);
    return status;
}

static int run(const void *arguments, const struct command_words *words)
{
    const struct explain_connect_arguments *a = arguments;
    _cleanup_output_ struct output o = {0};
    struct endpoint ep;
    int status = parse_endpoint(a, words->words[0], &ep);
    if (status)
        return status;
    status = output_open(&o, &command_explain_connect, &a->output);
    if (status)
        return status;
    if (a->sockets.netns && a->sockets.facts)
        status = command_usage_error(&command_explain_connect,
                                     "--facts and --netns can't be given together");
    if (status == 0 && a->sockets.netns)
        status = join(a->sockets.netns);
    if (status == 0)
        status = run_there(a, &ep, &o);
    return output_close(&o, status);
}

const struct command command_explain_connect = {
    .name = "explain connect",
    .group = "Explain",
    .summary = "say who answers a connection, and why nobody does",
    .usage = "ENDPOINT",
    .description =
        "Says beforehand what connect(2) will get: which way it goes, from which address, and, for "
        "an address of this host, which socket of which process answers, whether its accept queue "
        "has room, and why other listeners of that port don't get it. ENDPOINT is written as in "
        "berth-endpoint(7); a name is explained for each of its addresses, in the order in which "
        "programs try them.\n"
        "Exit status: 0 it is accepted, 1 it fails, 3 it depends on what can't be known here, as "
        "on another host.",
    .options = explain_connect_options,
    .arguments_size = sizeof(struct explain_connect_arguments),
    .min_words = 1,
    .max_words = 1,
    .run = run,
};
