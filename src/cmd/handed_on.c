/* Nobody need listen, and nothing be bound, where the firewall hands connections on, as for a
 * container's port. A rule for those who come and one for those who are here often say the same.
 */
#include "cmd/handed_on.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "cmd/holder_text.h"
#include "cmd/holding.h"
#include "kernel/forwards.h"

static bool takes(const struct kernel_forward *f, const struct port_target *t)
{
    bool protocol = !t->protocol[0] || !f->protocol[0] || strcmp(t->protocol, f->protocol) == 0;
    return protocol && f->first <= t->last && t->first <= f->last;
}

/* Two elements of one rule's set are told once, as the rule is. */
static bool is_told(const struct vec *rules, size_t n, const struct port_target *t,
                    const struct kernel_forward *f)
{
    for (size_t i = 0; i < n; i++) {
        const struct kernel_forward *other = vec_at(rules, i);
        if (!takes(other, t))
            continue;
        if (forwards_are_same(other, f) ||
            (strcmp(other->target, f->target) == 0 && strcmp(other->rule, f->rule) == 0))
            return true;
    }
    return false;
}

static void put_line(struct buf *out, const struct holder_text *text, const char *words,
                     const char *value, const char *end)
{
    size_t start = out->len;
    buf_str(out, words);
    text_escape(out, value, strlen(value));
    buf_str(out, end);
    holder_end_line(out, text, start);
}

bool handed_on_describe(struct buf *out, const struct render_options *o,
                        const struct holding_target *target, const char *opening)
{
    struct holder_text text = {0};
    _cleanup_vec_ struct vec rules = VEC_INIT(struct kernel_forward);
    bool found = false, unread = false;
    if (target->port.first == 0 || forwards_read(&rules, &unread) < 0)
        return false;
    holder_text_fit(&text, o);
    for (size_t i = 0; i < rules.len; i++) {
        const struct kernel_forward *f = vec_at(&rules, i);
        if (!takes(f, &target->port) || is_told(&rules, i, &target->port, f))
            continue;
        if (!found)
            put_line(out, &text, opening, target->text, ", but the firewall may hand it on:\n");
        found = true;
        put_line(out, &text, "forwarded to ", f->target, "");
        put_line(out, &text, "  rule       ", f->rule, "");
    }
    if (!found && unread)
        err_tell("the firewall has forwarding rules that berth can't read: nft list ruleset");
    return found;
}
