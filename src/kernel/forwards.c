#include "kernel/forwards.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "kernel/firewall.h"
#include "kernel/listing.h"

bool forwards_are_same(const struct kernel_forward *a, const struct kernel_forward *b)
{
    /* What redirects to a port of this host says "53" in iptables' words, ":53" in nft's. */
    const char *to_a = a->target + (a->target[0] == ':'), *to_b = b->target + (b->target[0] == ':');
    return strcmp(a->protocol, b->protocol) == 0 && a->first == b->first && a->last == b->last &&
           strcmp(to_a, to_b) == 0;
}

int forwards_read(struct vec *ret, bool *ret_unread)
{
    /* The last two list the tables that there are; asked for one, they would make it. */
    static const char *const listings[][6] = {
        {"/usr/sbin/iptables-save", "-t", "nat", NULL},
        {"/usr/sbin/ip6tables-save", "-t", "nat", NULL},
        {"/usr/sbin/nft", "list", "ruleset", NULL},
        {"/usr/sbin/iptables-legacy-save", NULL},
        {"/usr/sbin/ip6tables-legacy-save", NULL},
    };
    size_t n = sizeof listings / sizeof *listings;
    int result = -ENOENT;
    *ret_unread = false;
    for (size_t i = 0; i < (firewall_is_old() ? n : n - 2); i++) {
        _cleanup_buf_ struct buf text = BUF_INIT(LISTING_MAX);
        int r = listing_read(listings[i], &text);
        if (r == 0)
            r = forwards_parse(text.data, text.len, ret, ret_unread);
        if (r == -EFBIG) { /* it's there, and more than is read */
            *ret_unread = true;
            r = 0;
        }
        if (r == 0 || (r != -ENOENT && result == -ENOENT))
            result = r;
    }
    return result;
}
