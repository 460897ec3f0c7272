/* What `berth explain bind` answers: in words, in JSON, and of a range of ports. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "cmd/explain_bind.h"
#include "cmd/explain_words.h"
#include "render/style.h"

static const char *const verdict_names[] = {"succeeds", "fails", "depends"};
static const char *const call_names[] = {NULL, "socket", "setsockopt", "bind", "listen"};

/* In words */

static void put_endpoint(struct buf *out, const struct bind_question *q,
                         const struct bind_answer *a)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1024);
    target_format(&text, &a->target.address, a->target.address_n);
    buf_str(out, a->candidate.kind == NET_UDP ? "udp " : "tcp ");
    text_escape(out, text.data, text.len);
    if (a->candidate.ifindex) {
        buf_str(out, " through ");
        const char *name = explain_host_device_name(q->host, a->candidate.ifindex);
        text_escape(out, name, strlen(name));
    }
}

static void put_verdict(struct buf *out, const struct bind_question *q, const struct bind_answer *a,
                        bool colour)
{
    static const enum render_style styles[] = {RENDER_GOOD, RENDER_BAD, RENDER_WARN};
    static const char *const words[] = {"yes", "no", "it depends"};
    style_begin(out, colour, styles[a->bind.verdict]);
    buf_str(out, words[a->bind.verdict]);
    style_end(out, colour, styles[a->bind.verdict]);
    buf_str(out, ": ");
    put_endpoint(out, q, a);
    if (a->bind.verdict == PREDICT_SUCCEEDS) {
        buf_str(out, a->candidate.listens ? " can be listened on" : " can be bound");
        return;
    }
    buf_printf(out, ", %s%s ", call_names[a->bind.call] ? call_names[a->bind.call] : "bind",
               a->bind.verdict == PREDICT_FAILS ? " fails with" : " may fail with");
    buf_printf(out, "%s (%s)", err_name(a->bind.error), strerror(a->bind.error));
}

/* Why something of a socket isn't known. */
static const char *why_unknown(const struct bind_question *q, const struct net_socket *s,
                               enum net_field field)
{
    return q->host->reader || net_socket_forbids(s, field) ? "may not be seen" : "wasn't saved";
}

static void put_rule(struct buf *out, const struct bind_question *q,
                     const struct predict_blocker *b)
{
    if (b->certain == TRI_MAYBE && (b->unknown == NET_F_REUSEADDR || b->unknown == NET_F_REUSEPORT))
        explain_put_rule_unsure(out, b->rule, why_unknown(q, b->socket, b->unknown));
    else
        buf_str(out, explain_rule(b->rule));
}

static void put_unknown(struct buf *out, struct bind_question *q, const struct predict_blocker *b)
{
    if (b->certain != TRI_MAYBE)
        return;
    if (b->unknown == NET_FIELD_COUNT) {
        buf_printf(out, "\n    that depends on what the kernel remembers of the port, which %s",
                   q->host->reader ? "only root can read" : "isn't saved");
        return;
    }
    buf_str(out, "\n    that depends on ");
    buf_printf(out, "its %s, which %s: it is of ", net_field_infos[b->unknown].help,
               why_unknown(q, b->socket, b->unknown));
    explain_put_owner(out, q->host, b->socket);
}

enum { SHOWN_BLOCKERS = 6 };

static void put_blockers(struct buf *out, struct bind_question *q, const struct bind_answer *a)
{
    const struct predict_blocker *all = a->bind.blockers.items;
    for (size_t i = 0; i < a->bind.blockers.len && i < SHOWN_BLOCKERS; i++) {
        buf_str(out, "  ");
        explain_put_socket(out, q->host, all[i].socket);
        explain_put_overlap(out, &a->candidate, all[i].socket);
        if (i == 0 || all[i].rule != all[i - 1].rule) {
            buf_str(out, "\n    ");
            put_rule(out, q, &all[i]);
        }
        put_unknown(out, q, &all[i]);
        buf_char(out, '\n');
    }
    if (a->bind.blockers.len > SHOWN_BLOCKERS)
        buf_printf(out, "  and %zu more\n", a->bind.blockers.len - SHOWN_BLOCKERS);
}

static void put_reasons(struct buf *out, struct bind_question *q, const struct bind_answer *a)
{
    if (a->bind.blockers.len)
        put_blockers(out, q, a);
    else if (a->bind.rule != RULE_NONE)
        buf_printf(out, "  %s\n", explain_rule(a->bind.rule));
    if (a->bind.rule == RULE_PRIVILEGED)
        buf_printf(out, "  ports below %u need it (net.ipv4.ip_unprivileged_port_start)\n",
                   q->host->settings.unprivileged_start);
    if (a->bind.incomplete)
        buf_str(out, q->host->reader ? "  this kernel doesn't tell which sockets are merely bound; "
                                       "root can see them\n"
                                     : "  only some of the host's sockets were saved\n");
    for (int i = 0; i < PREDICT_SETTINGS; i++)
        if (a->bind.unknown_settings >> i & 1)
            buf_printf(out, "  the setting %s isn't known\n",
                       predict_setting_name((enum predict_setting)i));
}

static void put_choice(struct buf *out, const struct bind_question *q, const struct bind_answer *a)
{
    const struct predict_settings *s = &q->host->settings;
    if (!a->choice)
        return;
    buf_printf(out, "  the kernel chooses among %u of the %u ports from %u to %u\n",
               a->choice->n_possible, s->range_last - s->range_first + 1, s->range_first,
               s->range_last);
    buf_str(out, "    (net.ipv4.ip_local_port_range; the rest is taken or reserved)\n");
}

static void put_remedies(struct buf *out, struct bind_question *q, const struct bind_answer *a)
{
    if (a->bind.verdict == PREDICT_SUCCEEDS || (a->remedies.len == 0 && !a->free_port))
        return;
    buf_str(out, "  what helps:\n");
    for (size_t i = 0; i < a->remedies.len; i++) {
        buf_str(out, "    ");
        explain_put_remedy(out, q->host, &a->candidate, &a->bind, vec_at(&a->remedies, i));
        buf_char(out, '\n');
    }
    if (a->free_port)
        buf_printf(out, "    use another port: %u is free\n", a->free_port);
}

static void put_trial(struct buf *out, const struct bind_answer *a)
{
    if (!a->trial.done)
        return;
    buf_str(out, "  tried: ");
    if (a->trial.error)
        buf_printf(out, "%s says %s", call_names[a->trial.call] ? call_names[a->trial.call] : "it",
                   err_name(a->trial.error));
    else
        buf_str(out, "it succeeds");
    buf_str(out,
            explain_trial_agrees(&a->trial, &a->bind) ? ", as foretold\n" : ", unlike foretold\n");
}

static void put_answer(struct buf *out, struct bind_question *q, const struct bind_answer *a,
                       bool colour)
{
    put_verdict(out, q, a, colour);
    buf_char(out, '\n');
    put_reasons(out, q, a);
    put_choice(out, q, a);
    put_remedies(out, q, a);
    put_trial(out, a);
}

/* What a program that takes the first address that works ends up with. */
static void put_conclusion(struct buf *out, const struct bind_question *q)
{
    const struct bind_answer *decides = explain_bind_overall(q);
    if (q->answers.len < 2 || q->endpoint->host != ENDPOINT_NAME)
        return;
    buf_str(out, "\na program that takes the first address that works, as many do, ");
    if (decides->bind.verdict == PREDICT_FAILS) {
        buf_printf(out, "gets %s\n", err_name(decides->bind.error));
        return;
    }
    buf_str(out, decides->bind.verdict == PREDICT_SUCCEEDS ? "gets " : "may get ");
    put_endpoint(out, q, decides);
    buf_char(out, '\n');
}

void explain_bind_show_words(struct output *o, struct bind_question *q)
{
    size_t start = o->out.buf.len;
    const struct bind_answer *all = q->answers.items;
    for (size_t i = 0; i < q->answers.len; i++) {
        if (i)
            buf_char(&o->out.buf, '\n');
        put_answer(&o->out.buf, q, &all[i], o->options.colour);
    }
    put_conclusion(&o->out.buf, q);
    output_wrap(o, start);
}

/* JSON */

static void json_remedies(struct jsonw *j, struct bind_question *q, const struct bind_answer *a)
{
    jsonw_array(j);
    for (size_t i = 0; i < a->remedies.len; i++) {
        _cleanup_buf_ struct buf text = BUF_INIT(4096);
        explain_put_remedy(&text, q->host, &a->candidate, &a->bind, vec_at(&a->remedies, i));
        jsonw_text(j, text.data, text.len);
    }
    if (a->free_port) {
        char text[48];
        snprintf(text, sizeof text, "use another port: %u is free", a->free_port);
        jsonw_str(j, text);
    }
    jsonw_array_end(j);
}

static void json_verdict(struct jsonw *j, struct bind_question *q, const struct bind_answer *a)
{
    jsonw_key(j, "verdict");
    jsonw_str(j, verdict_names[a->bind.verdict]);
    jsonw_key(j, "error");
    jsonw_str(j, a->bind.error ? err_name(a->bind.error) : NULL);
    jsonw_key(j, "call");
    jsonw_str(j, a->bind.call < PREDICT_BIND ? NULL : call_names[a->bind.call]);
    jsonw_key(j, "rule");
    jsonw_str(j, a->bind.rule ? explain_rule_name(a->bind.rule) : NULL);
    jsonw_key(j, "blockers");
    explain_json_blockers(j, q->host, &a->bind.blockers);
    jsonw_key(j, "remedies");
    json_remedies(j, q, a);
    jsonw_key(j, "free_port");
    if (a->free_port)
        jsonw_u64(j, a->free_port);
    else
        jsonw_null(j);
}

static void json_trial(struct jsonw *j, const struct bind_answer *a)
{
    if (!a->trial.done)
        return;
    jsonw_key(j, "tried");
    jsonw_object(j);
    jsonw_key(j, "error");
    jsonw_str(j, a->trial.error ? err_name(a->trial.error) : NULL);
    jsonw_key(j, "call");
    jsonw_str(j, call_names[a->trial.call]);
    jsonw_key(j, "agreed");
    jsonw_bool(j, explain_trial_agrees(&a->trial, &a->bind));
    jsonw_object_end(j);
}

static void json_free(struct jsonw *j, const struct bind_answer *a)
{
    jsonw_key(j, "free");
    jsonw_array(j);
    for (size_t i = 0; i < a->free.len; i++) {
        const struct bind_run *r = vec_at(&a->free, i);
        jsonw_object(j);
        jsonw_key(j, "first");
        jsonw_u64(j, r->first);
        jsonw_key(j, "last");
        jsonw_u64(j, r->last);
        jsonw_object_end(j);
    }
    jsonw_array_end(j);
}

static void json_answer(struct jsonw *j, struct bind_question *q, const struct bind_answer *a)
{
    _cleanup_buf_ struct buf address = BUF_INIT(128);
    net_addr_format(&address, &a->candidate.addr);
    jsonw_object(j);
    jsonw_key(j, "address");
    jsonw_text(j, address.data, address.len);
    jsonw_key(j, "port");
    if (explain_bind_is_range(q))
        jsonw_null(j);
    else
        jsonw_u64(j, a->candidate.port);
    json_verdict(j, q, a);
    if (a->choice) {
        jsonw_key(j, "choice");
        jsonw_object(j);
        jsonw_key(j, "first");
        jsonw_u64(j, q->host->settings.range_first);
        jsonw_key(j, "last");
        jsonw_u64(j, q->host->settings.range_last);
        jsonw_key(j, "free");
        jsonw_u64(j, a->choice->n_possible);
        jsonw_object_end(j);
    }
    json_trial(j, a);
    if (explain_bind_is_range(q))
        json_free(j, a);
    jsonw_object_end(j);
}

void explain_bind_show_json(struct output *o, struct bind_question *q)
{
    struct jsonw j = JSONW_INIT(&o->out.buf);
    const struct bind_answer *all = q->answers.items;
    jsonw_object(&j);
    json_verdict(&j, q, explain_bind_overall(q));
    jsonw_key(&j, "addresses");
    jsonw_array(&j);
    for (size_t i = 0; i < q->answers.len; i++)
        json_answer(&j, q, &all[i]);
    jsonw_array_end(&j);
    jsonw_object_end(&j);
    buf_char(&o->out.buf, '\n');
}
