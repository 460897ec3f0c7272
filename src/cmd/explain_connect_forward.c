/* Published ports: a rule of the firewall hands a port of this host on, often into the network
 * namespace of a container. The rule is followed there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/parse.h"
#include "cmd/commands.h"
#include "cmd/explain_connect.h"
#include "kernel/links.h"
#include "kernel/netns.h"
#include "net/facts.h"

/* "172.17.0.2:80", "[fd00::2]:80", "172.17.0.2", ":8080", "8080". A port without an address is of
 * this host; an address without a port keeps the port. */
static bool parse_target(const char *target, const struct predict_connection *c,
                         struct net_addr *ret, uint16_t *ret_port)
{
    char text[sizeof((struct kernel_forward *)0)->target];
    snprintf(text, sizeof text, "%s", target);
    *ret = c->to;
    *ret_port = c->to_port;
    if (parse_port(text, ret_port) == 0 || net_addr_parse(text, ret, NULL) == 0)
        return true;
    char *colon = strrchr(text, ':');
    if (!colon || parse_port(colon + 1, ret_port) < 0)
        return false;
    *colon = '\0';
    return colon == text || net_addr_parse(text, ret, NULL) == 0;
}

/* What comes from loopback is no other host's business, nor what comes in loopback's: martian
 * sources, unless route_localnet is set and the source translated (__fib_validate_source and
 * ip_route_input_slow of net/ipv4). test: test_explain_connect.py,
 * test_rule_that_hands_loopback_elsewhere */
static bool crosses_loopback(const struct predict_connection *c, const struct net_addr *to,
                             bool elsewhere)
{
    return c->comes_in ? net_addr_is_loopback(to) : elsewhere && net_addr_is_loopback(&c->to);
}

/* The namespace that has an address */

static int has_address(int fd, const struct net_addr *addr, bool *ret, struct err *e)
{
    struct netns_visit visit = {.home = -1};
    struct vec links = VEC_INIT(struct net_iface);
    int result = netns_enter(&visit, fd, e);
    if (result < 0)
        return result;
    result = links_read(&links, e);
    int back = netns_leave(&visit, e);
    *ret = result == 0 && net_iface_by_addr(links.items, (uint32_t)links.len, addr, NULL);
    links_free(&links);
    return back;
}

/* Its inode where there is one such alone; *ret_n: how many there are, where 2 stands for more. */
static int find_netns(const struct net_addr *addr, uint64_t *ret, unsigned *ret_n, struct err *e)
{
    _cleanup_vec_ struct vec all = VEC_INIT(struct net_namespace);
    uint32_t hidden;
    *ret_n = 0;
    if (netns_list(&all, &hidden) < 0)
        return 0;
    for (size_t i = 0; i < all.len && *ret_n < 2; i++) {
        const struct net_namespace *ns = vec_at(&all, i);
        bool found = false;
        struct err ignored;
        int fd = netns_open_listed(ns, &ignored);
        if (fd < 0)
            continue;
        int result = has_address(fd, addr, &found, e);
        close(fd);
        if (result < 0)
            return result;
        if (!found)
            continue;
        *ret = ns->inode;
        ++*ret_n;
    }
    return 0;
}

/* Following */

static int open_there(struct connect_question *q, struct connect_forward *f, uint64_t netns)
{
    snprintf(f->netns, sizeof f->netns, "%llu", (unsigned long long)netns);
    f->place = *q->host->sockets.arguments;
    f->place.netns = f->netns;
    f->there = calloc(1, sizeof *f->there);
    if (!f->there)
        return -ENOMEM;
    if (explain_host_open(f->there, &command_explain_connect, &f->place) == 0)
        return 0;
    explain_host_close(f->there);
    free(f->there);
    f->there = NULL;
    return 0;
}

static int ask_there(struct connect_question *q, struct connect_answer *a, struct err *e)
{
    struct connect_forward *f = &a->forward;
    f->question = calloc(1, sizeof *f->question);
    if (!f->question)
        return -ENOMEM;
    *f->question = (struct connect_question){.arguments = q->arguments,
                                             .host = f->there ? f->there : q->host,
                                             .endpoint = q->endpoint,
                                             .from = f->there ? a->route.source : q->from,
                                             .from_port = f->there ? 0 : q->from_port,
                                             .followed = true,
                                             .answers = VEC_INIT(struct connect_answer)};
    struct connect_answer *there = vec_push(&f->question->answers);
    int result = there ? explain_connect_answer(f->question, &f->target, there, e) : -ENOMEM;
    if (result == 0 && f->n_places > 1)
        there->connect.outcome = CONNECT_DEPENDS;
    return result;
}

static int follow(struct connect_question *q, struct connect_answer *a, struct err *e)
{
    struct net_addr to;
    uint16_t port;
    uint64_t netns = 0;
    struct net_route route;
    struct connect_forward *f = &a->forward;
    if (!parse_target(f->to, &a->connection, &to, &port) || to.family != a->connection.to.family)
        return 0;
    f->target = (struct target){.type = a->target.type};
    target_set_ip(&f->target, &to, port);
    const struct route_query query = {.to = to, .kind = a->connection.kind, .to_port = port};
    int result = explain_ask_route(q->host, &query, &route, e);
    f->elsewhere = route.kind == NET_ROUTE_REMOTE;
    f->ifindex = route.ifindex;
    if (result < 0 || crosses_loopback(&a->connection, &to, f->elsewhere))
        return result;
    if (f->elsewhere) {
        a->route.source = a->connection.comes_in ? a->connection.from : route.source;
        result = find_netns(&to, &netns, &f->n_places, e);
        if (result == 0 && f->n_places == 1)
            result = open_there(q, f, netns);
    }
    return result == 0 ? ask_there(q, a, e) : result;
}

static int look_for_rule(struct connect_question *q, struct connect_answer *a)
{
    _cleanup_vec_ struct vec met = VEC_INIT(struct firewall_met);
    struct explain_handing handing;
    const struct explain_passage passage = explain_connect_passage(q, a);
    explain_firewall_look(q->host, &q->firewall);
    int result = explain_firewall_hand_on(&q->firewall, &passage, &met, &handing);
    if (result < 0 || !handing.met)
        return result;
    a->forward.rule = handing.met->rule;
    a->forward.to = handing.forward ? handing.forward->target : NULL;
    a->forward.certain = handing.met->certain == TRI_YES && handing.forward;
    return 0;
}

int explain_connect_follow(struct connect_question *q, struct connect_answer *a, struct err *e)
{
    bool remote = a->route.kind == NET_ROUTE_REMOTE && !a->connection.comes_in,
         local = a->route.kind == NET_ROUTE_LOCAL;
    if ((!local && !remote) || a->connect.outcome == CONNECT_BLOCKED || q->followed ||
        !q->host->reader)
        return 0;
    int result = look_for_rule(q, a);
    if (result < 0 || !a->forward.rule)
        return result;
    if (a->forward.certain)
        result = follow(q, a, e);
    const struct connect_answer *behind = explain_connect_behind(a);
    a->connect.outcome = behind ? behind->connect.outcome : CONNECT_DEPENDS;
    a->connect.error = behind ? behind->connect.error : 0;
    return result;
}

void explain_connect_forward_clear(struct connect_forward *f)
{
    if (f->question)
        explain_connect_question_clear(f->question);
    free(f->question);
    if (f->there)
        explain_host_close(f->there);
    free(f->there);
}

const struct connect_answer *explain_connect_behind(const struct connect_answer *a)
{
    return a->forward.question && a->forward.question->answers.len
               ? vec_at(&a->forward.question->answers, 0)
               : NULL;
}
