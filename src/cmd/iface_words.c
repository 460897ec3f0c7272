#include "cmd/iface_words.h"

#include <linux/if_addr.h>
#include <net/if.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "net/iface_text.h"
#include "render/style.h"

static void add_name(struct buf *out, const char *name)
{
    text_escape(out, name, strlen(name));
}

static void say_use(struct buf *out, const struct net_iface_use *use)
{
    buf_printf(out, "        %u listening here", use->listening + use->wildcard);
    if (use->wildcard > use->device)
        buf_printf(out, " (%u on every interface", use->wildcard - use->device);
    if (use->device)
        buf_printf(out, "%s%u on this device", use->wildcard > use->device ? ", " : " (",
                   use->device);
    if (use->wildcard)
        buf_char(out, ')');
    buf_printf(out, ", %u connected\n", use->connected);
}

static void say_lifetime(struct buf *out, const struct net_iface_addr *a)
{
    if (a->valid_s != UINT32_MAX)
        buf_printf(out, ", valid for %us", a->valid_s);
    if (a->preferred_s != UINT32_MAX && a->preferred_s)
        buf_printf(out, ", preferred for %us", a->preferred_s);
}

/* What no program should count on is marked. */
static void say_flags(struct buf *out, const struct net_iface_addr *a, bool colour)
{
    _cleanup_buf_ struct buf flags = BUF_INIT(1024);
    bool unfit = a->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED);
    enum render_style style = unfit ? RENDER_WARN : RENDER_PLAIN;
    net_iface_format_addr_flags(&flags, a);
    if (!flags.len)
        return;
    buf_str(out, ", ");
    style_begin(out, colour, style);
    buf_add(out, flags.data, flags.len);
    style_end(out, colour, style);
}

static void say_address(struct buf *out, const struct iface_addr_row *row, bool colour)
{
    const struct net_iface_addr *a = row->addr;
    buf_str(out, "    ");
    style_begin(out, colour, RENDER_ADDRESS);
    net_addr_format(out, &a->addr);
    style_end(out, colour, RENDER_ADDRESS);
    if (a->peer.family) {
        buf_str(out, " to ");
        net_addr_format(out, &a->peer);
    }
    buf_printf(out, "/%u, ", a->prefix_len);
    net_iface_format_scope(out, a->scope);
    if (a->broadcast.family) {
        buf_str(out, ", broadcast ");
        net_addr_format(out, &a->broadcast);
    }
    say_flags(out, a, colour);
    say_lifetime(out, a);
    if (a->label[0] && strcmp(a->label, row->iface->name) != 0) {
        buf_str(out, ", label ");
        add_name(out, a->label);
    }
    buf_char(out, '\n');
    if (row->use)
        say_use(out, row->use);
}

static void say_head(struct buf *out, const struct iface_row *row, bool colour)
{
    const struct net_iface *i = row->iface;
    bool up = i->flags & IFF_UP;
    style_begin(out, colour, RENDER_STRONG);
    add_name(out, i->name);
    style_end(out, colour, RENDER_STRONG);
    buf_str(out, ": ");
    style_begin(out, colour, up ? RENDER_GOOD : RENDER_DIM);
    buf_str(out, up ? "up" : "down");
    style_end(out, colour, up ? RENDER_GOOD : RENDER_DIM);
    buf_str(out, ", ");
    net_iface_format_type(out, i->type);
    if (i->mac_len && !(i->flags & IFF_LOOPBACK)) {
        buf_char(out, ' ');
        net_iface_format_mac(out, i, i->mac);
    }
    buf_printf(out, ", mtu %u", i->mtu);
    if (i->speed_mbps)
        buf_printf(out, ", %u Mbit/s", i->speed_mbps);
    if (i->altname[0]) {
        buf_str(out, ", also called ");
        add_name(out, i->altname);
    }
    buf_char(out, '\n');
}

static void say_relations(struct buf *out, const struct iface_row *row)
{
    const struct net_iface *i = row->iface;
    const char *master = iface_name_of(row, i->master), *link = iface_name_of(row, i->link);
    if (i->kind[0]) {
        buf_str(out, ", ");
        add_name(out, i->kind);
    }
    if (i->master) {
        buf_str(out, ", part of ");
        add_name(out, master ? master : "an interface elsewhere");
    }
    if (i->link_netns >= 0)
        buf_printf(out, ", linked to device %u of namespace id %d", i->link, i->link_netns);
    else if (i->link && link) {
        buf_str(out, ", on ");
        add_name(out, link);
    }
}

static void say_details(struct buf *out, const struct iface_row *row)
{
    const struct net_iface *i = row->iface;
    buf_printf(out, "    index %u, state ", i->index);
    net_iface_format_operstate(out, i->operstate);
    buf_str(out, ", ");
    net_iface_format_flags(out, i->flags);
    say_relations(out, row);
    if (i->qdisc[0]) {
        buf_str(out, ", queue ");
        add_name(out, i->qdisc);
        buf_printf(out, " of %u", i->txqueuelen);
    }
    buf_char(out, '\n');
}

/* The usual counters always, the rare ones where they aren't 0. */
static void say_traffic(struct buf *out, const char *verb, const struct net_iface_counters *n,
                        const char *fifth, const char *sixth)
{
    buf_printf(out, "    %-8s ", verb);
    buf_u64(out, n->bytes);
    buf_str(out, " bytes, ");
    buf_u64(out, n->packets);
    buf_str(out, " packets, ");
    buf_u64(out, n->errors);
    buf_str(out, " errors, ");
    buf_u64(out, n->dropped);
    buf_str(out, " dropped");
    const struct {
        uint64_t value;
        const char *name;
    } rare[] = {
        {n->overrun, "overrun"}, {n->frame_or_carrier, fifth}, {n->multicast_or_collisions, sixth}};
    for (size_t k = 0; k < sizeof rare / sizeof *rare; k++)
        if (rare[k].value)
            buf_printf(out, ", %llu %s", (unsigned long long)rare[k].value, rare[k].name);
    buf_char(out, '\n');
}

void iface_describe(struct buf *out, const struct iface_row *row, bool colour)
{
    const struct net_iface *i = row->iface;
    say_head(out, row, colour);
    for (uint32_t k = 0; k < i->n_addrs; k++)
        say_address(out, &row->addrs[k], colour);
    say_traffic(out, "received", &i->rx, "frame errors", "multicast");
    say_traffic(out, "sent", &i->tx, "carrier errors", "collisions");
    say_details(out, row);
}
