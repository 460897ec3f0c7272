/* The attributes of a netlink message, each length checked once.
 *
 * attrs_parse puts the attributes of a region into a table by type; the readers below take an entry
 * of it, and give the default for one that is missing or too short. Types beyond the table are
 * passed over, a malformed rest ends the region: nothing outside of it is ever read.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>

struct attr {
    const void *data;
    size_t len;
};

/* The n bytes at `at`; table has `max` entries for the types 0 … max-1, which are all set (to NULL
 * data where there is none). The last of a type that comes twice counts. False if something at the
 * end was malformed. */
bool attrs_parse(const void *at, size_t n, struct attr *table, size_t max);
/* Of a message, behind a fixed header of `header` bytes (unaligned size). */
bool attrs_parse_message(const struct nlmsghdr *m, size_t header, struct attr *table, size_t max);
/* Of an attribute that holds others. */
bool attrs_parse_nested(const struct attr *a, struct attr *table, size_t max);

static inline bool attr_has(const struct attr *a, size_t at_least)
{
    return a->data && a->len >= at_least;
}
uint8_t attr_u8(const struct attr *a, uint8_t otherwise);
uint16_t attr_u16(const struct attr *a, uint16_t otherwise);
uint32_t attr_u32(const struct attr *a, uint32_t otherwise);
uint64_t attr_u64(const struct attr *a, uint64_t otherwise);
/* A text that may lack its NUL: copied, cut to size - 1, always ended. */
void attr_text(const struct attr *a, char *ret, size_t size);
/* Copies at most n bytes, zeroes the rest; returns how many came. */
size_t attr_copy(const struct attr *a, void *ret, size_t n);

/* Writing requests: appends an attribute to the message in a buffer of `size` bytes.
 * False if it doesn't fit. */
bool attr_put(struct nlmsghdr *m, size_t size, uint16_t type, const void *data, size_t n);
