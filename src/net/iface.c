#include "net/iface.h"

#include <stdlib.h>
#include <string.h>

void net_iface_clear(struct net_iface *i)
{
    free(i->addrs);
    i->addrs = NULL;
    i->n_addrs = 0;
}

const struct net_iface *net_iface_by_index(const struct net_iface *all, uint32_t n, uint32_t index)
{
    for (uint32_t i = 0; i < n; i++)
        if (all[i].index == index)
            return &all[i];
    return NULL;
}

const struct net_iface *net_iface_by_name(const struct net_iface *all, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}

const struct net_iface *net_iface_by_addr(const struct net_iface *all, uint32_t n,
                                          const struct net_addr *a,
                                          const struct net_iface_addr **ret_addr)
{
    struct net_addr plain = net_addr_unmap(a);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < all[i].n_addrs; k++) {
            const struct net_addr *own = &all[i].addrs[k].addr;
            if (own->family != plain.family || memcmp(own->bytes, plain.bytes, 16) != 0)
                continue;
            if (plain.scope && plain.scope != all[i].index)
                continue;
            if (ret_addr)
                *ret_addr = &all[i].addrs[k];
            return &all[i];
        }
    }
    return NULL;
}
