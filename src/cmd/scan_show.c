#include "cmd/scan_show.h"

#include "cmd/scan_ask.h"
#include "cmd/scan_columns.h"
#include "cmd/scan_local.h"
#include "flow/probe.h"

static int write_row(struct scan_show *s, size_t first, size_t last, const struct vec *listeners)
{
    const struct probes *p = s->probes;
    size_t host = first / p->n_ports;
    struct target t = probes_target(p, first);
    struct scan_row row = {
        .host = ((const struct scan_name *)vec_at(&s->asked->names, host))->text,
        .last = p->ports[last % p->n_ports],
        .udp = s->udp,
        .answer = &p->answers[first],
        .local = s->local->devices[host] != 0,
        .loopback_down = s->local->loopback_down,
        .looked = s->local->looked,
        .listeners = listeners ? listeners->items : NULL,
        .n_listeners = listeners ? listeners->len : 0,
    };
    target_get_ip(&t.address, &row.address, &row.first);
    row.service = first == last ? s->names[row.first] : NULL;
    return render_row(s->render, &row);
}

static int write_held(struct scan_show *s)
{
    if (!s->holds)
        return 0;
    s->holds = false;
    return write_row(s, s->first, s->last, NULL);
}

static bool may_fold(const struct scan_show *s, size_t i, const struct vec *listeners)
{
    const bool *single = vec_at(&s->asked->singles, i % s->probes->n_ports);
    return s->folds && !*single && s->probes->answers[i].state != PROBE_OPEN && listeners->len == 0;
}

static bool continues(const struct scan_show *s, size_t i)
{
    const struct probes *p = s->probes;
    const struct probe_answer *a = &p->answers[s->last], *b = &p->answers[i];
    return s->holds && i == s->last + 1 && i % p->n_ports &&
           p->ports[i % p->n_ports] == p->ports[s->last % p->n_ports] + 1 && a->state == b->state &&
           a->error == b->error && a->at_once == b->at_once;
}

static int show_answer(struct scan_show *s, size_t i)
{
    _cleanup_vec_ struct vec listeners = VEC_INIT(struct receiver);
    struct target t = probes_target(s->probes, i);
    if (s->open && s->probes->answers[i].state != PROBE_OPEN)
        return 0;
    int error = scan_local_find(s->local, i / s->probes->n_ports, &t, &listeners);
    bool folds = may_fold(s, i, &listeners);
    if (folds && continues(s, i)) {
        s->last = i;
        return error;
    }
    if (error == 0)
        error = write_held(s);
    if (error == 0 && !folds)
        error = write_row(s, i, i, &listeners);
    s->holds = folds;
    s->first = s->last = i;
    return error;
}

int scan_show_answers(struct scan_show *s, bool end)
{
    int error = 0;
    for (; error == 0 && s->next < s->probes->n; s->next++) {
        if (s->probes->answers[s->next].state != PROBE_LEFT)
            error = show_answer(s, s->next);
        else if (!end)
            return 0;
    }
    if (error == 0 && end)
        error = write_held(s);
    return error || !end ? error : render_end(s->render);
}
