/* The listeners of `berth listen`: from endpoints, or as a service manager opened them. */
#include <errno.h>
#include <netinet/in.h>

#include "base/err.h"
#include "cmd/commands.h"
#include "cmd/listen.h"
#include "flow/activation.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262 /* linux/in.h since 5.6 */
#endif

static struct listeners_how how_to(const struct server *s)
{
    return (struct listeners_how){.open = {.options = &s->options,
                                           .backlog = s->a->backlog ? (int)s->a->backlog : -1,
                                           .unlink = true},
                                  .family = s->a->ipv4   ? AF_INET
                                            : s->a->ipv6 ? AF_INET6
                                                         : AF_UNSPEC,
                                  .protocol = s->a->options.mptcp ? IPPROTO_MPTCP : 0,
                                  .first = s->a->first,
                                  .events = &s->events};
}

int listen_open_again(struct server *s, const struct listener *l, struct err *e)
{
    struct listeners_how how = how_to(s);
    return open_listener(&l->target, &how.open, e);
}

static int take_activated(struct server *s)
{
    int n = activation_take();
    if (n < 0) {
        struct err e;
        err_word(&e, EINVAL, "take", "LISTEN_FDS", "it and LISTEN_PID make no sense");
        flow_events_err(&s->events, EVENT_FAILED, &e);
        return EXIT_NO;
    }
    if (n == 0)
        return command_usage_error(&command_listen,
                                   "an ENDPOINT is missing, for example 4444 or '*:8080'");
    int status = 0;
    for (int fd = ACTIVATION_FIRST_FD; fd < ACTIVATION_FIRST_FD + n && status == 0; fd++)
        status = listeners_take(&s->listeners, fd, &s->events);
    return status;
}

/* Endpoints */

static int open_endpoint(struct server *s, const char *word)
{
    struct endpoint ep;
    struct err e = {0};
    if (endpoint_parse(word, 0, &ep, &e) < 0)
        return command_usage_error(&command_listen, "'%s': %s", word, e.hint);
    if (ep.scheme == ENDPOINT_FD)
        return listeners_take(&s->listeners, ep.fd, &s->events);
    bool datagrams = ep.scheme == ENDPOINT_UDP || ep.scheme == ENDPOINT_UNIX_DGRAM;
    if (datagrams && (s->kind == LISTEN_HANDOFF || s->a->proxy_protocol))
        return command_usage_error(
            &command_listen, "'%s': --handoff and --proxy-protocol are for connections", word);
    if (!endpoint_has_port(ep.scheme) && !endpoint_is_unix(ep.scheme) &&
        ep.scheme != ENDPOINT_VSOCK)
        return command_usage_error(&command_listen,
                                   "'%s': nobody can connect to that; berth relay joins it to "
                                   "a listener",
                                   word);
    const struct listeners_how how = how_to(s);
    return listeners_open(&s->listeners, &ep, &how);
}

int listen_open(struct server *s, const struct command_words *words)
{
    int status = 0;
    if (words->n == 0)
        status = take_activated(s);
    for (int i = 0; i < words->n && status == 0; i++)
        status = open_endpoint(s, words->words[i]);
    return status ? status : listen_tls_open(s);
}
