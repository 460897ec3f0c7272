/* A map from a 64-bit key to a 64-bit value: inode to owner, pid to process, pointer to record.
 * Open addressing, no deletion, at most three quarters full; 16 bytes a slot.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_slot {
    uint64_t key, value;
};

struct hash {
    struct hash_slot *slots;
    size_t len, cap; /* cap is 0 or a power of two */
    bool has_zero;   /* key 0 marks a free slot, so its value stands apart */
    uint64_t zero_value;
};

#define _cleanup_hash_ __attribute__((cleanup(hash_free)))

void hash_free(struct hash *h); /* a zeroed struct is an empty map */

/* The value of a key, or NULL. Valid until the next hash_put. */
uint64_t *hash_get(const struct hash *h, uint64_t key);
/* The value of a key, made as 0 (with *ret_new true) where it wasn't there; NULL without memory.
 * ret_new may be NULL. */
uint64_t *hash_put(struct hash *h, uint64_t key, bool *ret_new);
