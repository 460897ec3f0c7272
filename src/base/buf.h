/* A growing byte buffer with a ceiling.
 *
 * Appending never returns an error: the first failure (no memory, or the ceiling reached) marks
 * the buffer as failed and later appends do nothing, so a writer checks `failed` once at its end.
 * The data are not NUL-terminated; buf_cstr adds one when a C string is needed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t len, cap;
    size_t max; /* the ceiling in bytes; a buffer never grows beyond it */
    bool failed;
};

#define BUF_INIT(ceiling) \
    (struct buf)          \
    {                     \
        .max = (ceiling)  \
    }
#define _cleanup_buf_ __attribute__((cleanup(buf_free)))

/* Releases the memory; the buffer may be used again, with the same ceiling. */
void buf_free(struct buf *b);
/* Forgets the content and a failure, keeps the memory. */
void buf_clear(struct buf *b);

/* Makes room for n more bytes; NULL (and failed) if that can't be. The caller writes at the
 * returned place and adds to len himself. */
char *buf_reserve(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_str(struct buf *b, const char *text);
void buf_char(struct buf *b, char c);
void buf_repeat(struct buf *b, char c, size_t n);
void buf_u64(struct buf *b, uint64_t value); /* decimal */
void buf_i64(struct buf *b, int64_t value);
void buf_hex(struct buf *b, uint64_t value); /* lower case, no prefix */
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The content as a C string, valid until the next append; "" when the buffer failed. */
const char *buf_cstr(struct buf *b);
