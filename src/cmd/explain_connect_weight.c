/* The firewall in the answer of `berth explain connect`: nothing of it is passed over in silence.
 */
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "cmd/explain_connect.h"

enum { SHOWN = 8 };

static void put_rule(struct buf *out, const struct firewall_rule *r)
{
    buf_str(out, "    ");
    text_escape(out, r->place, strlen(r->place));
    buf_str(out, ": ");
    text_escape(out, r->text, strlen(r->text));
    buf_str(out, r->cut ? "...\n" : "\n");
}

static void put_count(struct buf *out, const struct explain_weight *w)
{
    if (w->may_stop == 1)
        buf_str(out, "  1 rule of the firewall may stop it, and was not evaluated");
    else
        buf_printf(out, "  %u rules of the firewall may stop it, and were not evaluated",
                   w->may_stop);
    buf_str(out, w->named.len ? "; these name the port, or decide\n  about the rest:\n" : "\n");
}

void explain_connect_put_weight(struct buf *out, const struct connect_answer *a)
{
    const struct explain_weight *w = &a->weight;
    if (w->decides) {
        buf_str(out, "  somebody listens, but a rule of the firewall would stop it:\n");
        put_rule(out, w->decides);
    }
    if (w->unknown)
        buf_str(out, "  what rules the firewall has can't be seen here\n");
    if (w->may_stop == 0)
        return;
    put_count(out, w);
    for (size_t i = 0; i < w->named.len && i < SHOWN; i++)
        put_rule(out, *(const struct firewall_rule **)vec_at(&w->named, i));
    if (w->named.len > SHOWN)
        buf_printf(out, "    and %zu more\n", w->named.len - SHOWN);
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
    for (size_t i = 0; i < w->named.len; i++) {
        const struct firewall_rule *r = *(const struct firewall_rule **)vec_at(&w->named, i);
        jsonw_object(j);
        jsonw_key(j, "place");
        jsonw_str(j, r->place);
        jsonw_key(j, "rule");
        jsonw_str(j, r->text);
        jsonw_key(j, "stops");
        jsonw_bool(j, r->stops);
        jsonw_object_end(j);
    }
    jsonw_array_end(j);
    jsonw_object_end(j);
}
