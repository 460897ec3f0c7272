/* What the files that read facts share; private to this folder.
 *
 * Getters check type, range and length; their outputs change only on success, and failures are
 * -EINVAL, or -ENOMEM. The text may hold anything.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/vec.h"
#include "net/facts.h"

struct buf;
struct member_table;

struct facts_reader {
    struct facts *facts;
    struct vec processes; /* struct net_process; their texts are owned by `texts` */
    struct vec texts;     /* char * */
    struct hash by_pid;   /* pid -> index + 1 */
    const char *fault;    /* the key that could not be read */
};

/* Notes the key that could not be read, and returns -EINVAL. */
int reader_fault(struct facts_reader *r, const char *key);

bool reader_has(const json_t *value); /* there, and not null */
int reader_get_uint(const json_t *value, uint64_t max, uint64_t *ret);
int reader_get_i32(const json_t *value, int32_t *ret);
int reader_get_addr(const json_t *value, struct net_addr *ret);
/* A text's bytes, at most max of them. */
int reader_get_bytes(const json_t *value, size_t max, struct buf *ret);
int reader_get_chars(const json_t *value, char *ret, size_t size);
/* The members that are there; their presence bits are added to *ret_known, which may be NULL. */
int reader_get_members(struct facts_reader *r, const json_t *object, const struct member_table *t,
                       void *structure, uint32_t *ret_known);
/* One socket with its owners, into the facts. The processes were read before. */
int reader_get_socket(struct facts_reader *r, const json_t *object);
