#include "kernel/subflows.h"

#include <errno.h>

#include "net/socket.h"

struct subflow_owner {
    struct net_owner owner;
    uint64_t next; /* index + 1; 0: the end */
};

void subflows_init(struct subflows *s)
{
    *s = (struct subflows){.owners = VEC_INIT(struct subflow_owner)};
}

void subflows_clear(struct subflows *s)
{
    hash_free(&s->first);
    vec_free(&s->owners);
}

int subflows_note(struct subflows *s, uint64_t inode, const struct net_owner *owners, uint32_t n)
{
    uint64_t *first = hash_put(&s->first, inode, NULL);
    if (!first)
        return -ENOMEM;
    for (uint32_t i = n; i-- > 0;) {
        struct subflow_owner item = {owners[i], *first};
        if (vec_add(&s->owners, &item) < 0)
            return -ENOMEM;
        *first = s->owners.len;
    }
    return 0;
}

int subflows_find(const struct subflows *s, uint64_t inode, struct vec *ret)
{
    const uint64_t *first = hash_get(&s->first, inode);
    for (uint64_t at = first ? *first : 0; at;) {
        const struct subflow_owner *item = vec_at(&s->owners, at - 1);
        if (vec_add(ret, &item->owner) < 0)
            return -ENOMEM;
        at = item->next;
    }
    return 0;
}
