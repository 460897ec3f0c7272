/* Interfaces as rows: the columns of `berth interfaces`. */
#pragma once
#include "net/iface.h"
#include "net/iface_use.h"
#include "render/render.h"

struct iface_addr_row {
    const struct net_iface *iface;
    const struct net_iface_addr *addr;
    const struct net_iface_use *use; /* NULL: the sockets were not counted */
};

struct iface_row {
    const struct net_iface *iface;
    const struct net_iface *all; /* of its namespace, to name master and link */
    uint32_t n_all;
    const struct iface_addr_row *addrs; /* as many as the interface has */
};

enum { IFACE_COLUMNS = 21 };
const struct render_column *iface_columns(size_t *ret_n);
/* The name of an interface's master or link where it is in this namespace, else NULL. */
const char *iface_name_of(const struct iface_row *row, uint32_t index);
