/* The firewall in the answer of `berth explain connect`: nothing of it is passed over in silence.
 */
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "cmd/explain_connect.h"

enum { SHOWN = 8 };

static const char *text_of(const struct firewall_met *m)
{
    return m->rule ? m->rule->text : "policy drop";
}

static void put_rule(struct buf *out, const struct firewall_met *m)
{
    enum { LONG = 240 };
    _cleanup_buf_ struct buf place = BUF_INIT(1024);
    const char *text = text_of(m);
    size_t n = strlen(text);
    firewall_format_place(&place, m->chain);
    buf_str(out, "    ");
    text_escape(out, buf_cstr(&place), place.len);
    buf_str(out, ": ");
    text_escape(out, text, n < LONG ? n : LONG);
    buf_str(out, n < LONG && !(m->rule && m->rule->cut) ? "\n" : "...\n");
}

void explain_connect_put_weight(struct buf *out, const struct connect_answer *a)
{
    const struct explain_weight *w = &a->weight;
    size_t shown = 0;
    if (w->unknown)
        buf_str(out, "  what rules the firewall has can't be seen here\n");
    if (w->may_stop)
        buf_printf(out, "  %u rule%s of the firewall may stop it:\n", w->may_stop,
                   w->may_stop == 1 ? "" : "s");
    for (size_t i = 0; i < w->met.len; i++) {
        const struct firewall_met *m = vec_at(&w->met, i);
        if (m->action == FIREWALL_STOPS && shown++ < SHOWN)
            put_rule(out, m);
    }
    if (shown > SHOWN)
        buf_printf(out, "    and %zu more\n", shown - SHOWN);
}

void explain_connect_json_weight(struct jsonw *j, const struct connect_answer *a)
{
    const struct explain_weight *w = &a->weight;
    jsonw_key(j, "firewall");
    jsonw_object(j);
    jsonw_key(j, "known");
    jsonw_bool(j, !w->unknown);
    jsonw_key(j, "may_stop");
    jsonw_u64(j, w->may_stop);
    jsonw_key(j, "named");
    jsonw_array(j);
    for (size_t i = 0; i < w->met.len; i++) {
        const struct firewall_met *m = vec_at(&w->met, i);
        _cleanup_buf_ struct buf place = BUF_INIT(1024);
        firewall_format_place(&place, m->chain);
        jsonw_object(j);
        jsonw_key(j, "place");
        jsonw_str(j, buf_cstr(&place));
        jsonw_key(j, "rule");
        jsonw_str(j, text_of(m));
        jsonw_key(j, "stops");
        jsonw_bool(j, m->action == FIREWALL_STOPS);
        jsonw_object_end(j);
    }
    jsonw_array_end(j);
    jsonw_object_end(j);
}
