#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>

void hash_free(struct hash *h)
{
    int saved = errno;
    free(h->slots);
    *h = (struct hash){0};
    errno = saved;
}

/* The finalizer of splitmix64: inode numbers and pointers come in steps, this spreads them. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static struct hash_slot *find(struct hash_slot *slots, size_t cap, uint64_t key)
{
    size_t at = mix(key) & (cap - 1);
    while (slots[at].key && slots[at].key != key)
        at = (at + 1) & (cap - 1);
    return &slots[at];
}

static bool grow(struct hash *h)
{
    size_t cap = h->cap ? h->cap * 2 : 64;
    struct hash_slot *slots = calloc(cap, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < h->cap; i++)
        if (h->slots[i].key)
            *find(slots, cap, h->slots[i].key) = h->slots[i];
    free(h->slots);
    h->slots = slots;
    h->cap = cap;
    return true;
}

uint64_t *hash_get(const struct hash *h, uint64_t key)
{
    if (key == 0)
        return h->has_zero ? (uint64_t *)&h->zero_value : NULL;
    if (h->cap == 0)
        return NULL;
    struct hash_slot *slot = find(h->slots, h->cap, key);
    return slot->key ? &slot->value : NULL;
}

uint64_t *hash_put(struct hash *h, uint64_t key, bool *ret_new)
{
    bool unused;
    bool *is_new = ret_new ? ret_new : &unused;

    if (key == 0) {
        *is_new = !h->has_zero;
        h->has_zero = true;
        return &h->zero_value;
    }
    if (h->len >= h->cap / 4 * 3 && !grow(h))
        return NULL;
    struct hash_slot *slot = find(h->slots, h->cap, key);
    *is_new = slot->key == 0;
    if (*is_new) {
        slot->key = key;
        h->len++;
    }
    return &slot->value;
}
