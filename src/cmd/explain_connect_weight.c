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

/* decides: is told by itself. */
static void put_count(struct buf *out, const struct explain_weight *w)
{
    uint32_t n = w->may_stop - (w->decides != NULL);
    bool named = w->named.len > (w->decides != NULL);
    buf_printf(out, "  %u %srule%s of the firewall may stop it, and %s not evaluated", n,
               w->decides ? "more " : "", n == 1 ? "" : "s", n == 1 ? "was" : "were");
    buf_str(out, named ? "; these name the port, or decide about the rest:\n" : "\n");
}

static void put_named(struct buf *out, const struct explain_weight *w)
{
    size_t shown = 0, left = 0;
    for (size_t i = 0; i < w->named.len; i++) {
        const struct firewall_rule *r = *(const struct firewall_rule **)vec_at(&w->named, i);
        if (r == w->decides)
            continue;
        if (shown++ < SHOWN)
            put_rule(out, r);
        else
            left++;
    }
    if (left)
        buf_printf(out, "    and %zu more\n", left);
}

void explain_connect_put_weight(struct buf *out, const struct connect_answer *a)
{
    const struct explain_weight *w = &a->weight;
    if (w->decides) {
        buf_str(out, "  a rule of the firewall stops it where it is met, and was not evaluated:\n");
        put_rule(out, w->decides);
    }
    if (w->unknown)
        buf_str(out, "  what rules the firewall has can't be seen here\n");
    if (w->may_stop == (w->decides != NULL))
        return;
    put_count(out, w);
    put_named(out, w);
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
