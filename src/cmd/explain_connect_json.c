/* What `berth explain connect` answers, as JSON. */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "cmd/explain_connect.h"
#include "cmd/explain_words.h"

static const char *const verdicts[] = {
    [CONNECT_ACCEPTED] = "accepted", [CONNECT_REFUSED] = "refused",
    [CONNECT_DROPPED] = "dropped",   [CONNECT_UNREACHABLE] = "unreachable",
    [CONNECT_BLOCKED] = "blocked",   [CONNECT_REMOTE] = "remote",
    [CONNECT_DEPENDS] = "depends",
};

static void json_addr(struct jsonw *j, const struct net_addr *a)
{
    _cleanup_buf_ struct buf text = BUF_INIT(128);
    if (a->family) {
        net_addr_format(&text, a);
        jsonw_text(j, text.data, text.len);
    } else {
        jsonw_null(j);
    }
}

static void json_device(struct jsonw *j, const struct connect_question *q,
                        const struct connect_answer *a)
{
    const char *name = explain_host_device_name(q->host, a->route.ifindex);
    jsonw_str(j, *name ? name : NULL);
}

static void json_route(struct jsonw *j, const struct connect_question *q,
                       const struct connect_answer *a)
{
    jsonw_object(j);
    jsonw_key(j, "kind");
    jsonw_str(j, net_route_kind_name(a->route.kind));
    jsonw_key(j, "device");
    json_device(j, q, a);
    jsonw_key(j, "source");
    json_addr(j, &a->route.source);
    jsonw_key(j, "gateway");
    json_addr(j, &a->route.gateway);
    jsonw_object_end(j);
}

static void json_socket(struct jsonw *j, struct connect_question *q, const struct net_socket *s)
{
    if (!s) {
        jsonw_null(j);
        return;
    }
    jsonw_object(j);
    explain_json_socket(j, q->host, s);
    jsonw_object_end(j);
}

static void json_group(struct jsonw *j, struct connect_question *q, const struct connect_answer *a)
{
    const struct vec *group = &a->connect.receiver.group;
    jsonw_array(j);
    for (size_t i = 0; i < group->len; i++)
        json_socket(j, q, *(const struct net_socket **)vec_at(group, i));
    jsonw_array_end(j);
}

static void json_others(struct jsonw *j, struct connect_question *q, const struct connect_answer *a)
{
    const struct vec *others = &a->connect.receiver.others;
    jsonw_array(j);
    for (size_t i = 0; i < others->len; i++) {
        const struct predict_other *o = vec_at(others, i);
        jsonw_object(j);
        explain_json_socket(j, q->host, o->socket);
        jsonw_key(j, "reason");
        jsonw_str(j, explain_loss_name(o->loss));
        jsonw_object_end(j);
    }
    jsonw_array_end(j);
}

/* How full the accept queue is, where there is one. */
static void json_queue(struct jsonw *j, const struct connect_answer *a)
{
    const struct net_socket *s = a->connect.receiver.socket;
    bool known = s && s->state == NET_LISTEN && net_socket_knows(s, NET_F_SEND_Q);
    if (!known || (!a->connect.waiting && !a->connect.room && s->send_q)) {
        jsonw_null(j);
        return;
    }
    jsonw_object(j);
    jsonw_key(j, "waiting");
    jsonw_u64(j, a->connect.waiting);
    jsonw_key(j, "room");
    jsonw_u64(j, a->connect.room);
    jsonw_object_end(j);
}

static void json_verdict(struct jsonw *j, const struct connect_answer *a)
{
    jsonw_key(j, "verdict");
    jsonw_str(j, verdicts[a->connect.outcome]);
    jsonw_key(j, "error");
    jsonw_str(j, a->connect.error ? err_name(a->connect.error) : NULL);
}

static void json_lookup(struct jsonw *j, struct connect_question *q, const struct connect_answer *a)
{
    jsonw_key(j, "kernel");
    if (!a->lookup.asked || a->lookup.error) {
        jsonw_null(j);
        return;
    }
    jsonw_object(j);
    jsonw_key(j, "listener");
    json_socket(j, q, a->said);
    jsonw_key(j, "agrees");
    jsonw_bool(j, a->agrees);
    jsonw_object_end(j);
}

static void json_remedies(struct jsonw *j, struct connect_question *q,
                          const struct connect_answer *a)
{
    struct vec all = VEC_INIT(char *);
    explain_connect_remedies(q, a, &all);
    jsonw_key(j, "remedies");
    jsonw_array(j);
    for (size_t i = 0; i < all.len; i++)
        jsonw_str(j, *(char **)vec_at(&all, i));
    jsonw_array_end(j);
    explain_connect_free_remedies(&all);
}

static void json_trial(struct jsonw *j, const struct connect_answer *a)
{
    if (!a->trial.done)
        return;
    enum tri agrees = explain_connect_trial_agrees(&a->trial, &a->connect, a->connection.kind);
    jsonw_key(j, "tried");
    jsonw_object(j);
    jsonw_key(j, "error");
    jsonw_str(j, a->trial.timed_out ? "ETIMEDOUT"
                 : a->trial.error   ? err_name(a->trial.error)
                                    : NULL);
    jsonw_key(j, "agreed");
    if (agrees == TRI_MAYBE)
        jsonw_null(j);
    else
        jsonw_bool(j, agrees == TRI_YES);
    jsonw_object_end(j);
}

/* The rule, and what the address that it names answers. */
static void json_forward(struct jsonw *j, const struct connect_answer *a)
{
    const struct connect_answer *behind = explain_connect_behind(a);
    jsonw_key(j, "forward");
    if (!a->forward.rule) {
        jsonw_null(j);
        return;
    }
    jsonw_object(j);
    jsonw_key(j, "rule");
    jsonw_str(j, a->forward.rule->text);
    jsonw_key(j, "target");
    jsonw_str(j, a->forward.to);
    jsonw_key(j, "verdict");
    jsonw_str(j, behind ? verdicts[behind->connect.outcome] : NULL);
    jsonw_key(j, "listener");
    json_socket(j, a->forward.question, behind ? behind->connect.receiver.socket : NULL);
    jsonw_object_end(j);
}

static void json_answer(struct jsonw *j, struct connect_question *q, const struct connect_answer *a)
{
    struct net_addr address;
    uint16_t port;
    target_get_ip(&a->target.address, &address, &port);
    jsonw_object(j);
    jsonw_key(j, "address");
    json_addr(j, &address);
    jsonw_key(j, "port");
    jsonw_u64(j, port);
    jsonw_key(j, "device");
    json_device(j, q, a);
    json_verdict(j, a);
    jsonw_key(j, "listener");
    json_socket(j, q, a->connect.receiver.socket);
    jsonw_key(j, "others");
    json_others(j, q, a);
    jsonw_key(j, "blockers");
    explain_json_blockers(j, q->host, &a->bind.blockers);
    jsonw_key(j, "group");
    json_group(j, q, a);
    jsonw_key(j, "route");
    json_route(j, q, a);
    jsonw_key(j, "queue");
    json_queue(j, a);
    json_lookup(j, q, a);
    json_forward(j, a);
    explain_connect_json_weight(j, a);
    json_remedies(j, q, a);
    json_trial(j, a);
    jsonw_object_end(j);
}

void explain_connect_show_json(struct output *o, struct connect_question *q)
{
    struct jsonw j = JSONW_INIT(&o->out.buf);
    const struct connect_answer *all = q->answers.items;
    jsonw_object(&j);
    json_verdict(&j, explain_connect_overall(q));
    jsonw_key(&j, "addresses");
    jsonw_array(&j);
    for (size_t i = 0; i < q->answers.len; i++)
        json_answer(&j, q, &all[i]);
    jsonw_array_end(&j);
    jsonw_object_end(&j);
    buf_char(&o->out.buf, '\n');
}
