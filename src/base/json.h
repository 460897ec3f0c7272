/* A streaming writer of JSON (RFC 8259) into a buffer.
 *
 * Calls follow the document's order; commas and colons come by themselves. Nothing is kept but
 * which levels have content already, so a document may be written in pieces, the buffer being
 * emptied between them. What the caller writes is always valid: a text may hold any bytes (those
 * that are not UTF-8 are carried as text_to_utf8 does), a real that is no number becomes null.
 * Control characters, and the invisible ones that text_escape won't show, are written \uNNNN, so
 * that the output is fit for a terminal too. A call out of place (a value without a key in an
 * object, a level deeper than JSONW_DEPTH) is our mistake: assert.
 * (Named jsonw because jansson, which reads, has the shorter name.)
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum { JSONW_DEPTH = 64 };

struct jsonw {
    struct buf *out;
    uint64_t filled;  /* bit d: the level d has an element */
    uint64_t objects; /* bit d: the level d is an object */
    unsigned depth;   /* 0: outside of everything */
    bool keyed;       /* a key waits for its value */
    bool lines;       /* each element of the outermost array on a line of its own */
};

#define JSONW_INIT(buffer) \
    (struct jsonw)         \
    {                      \
        .out = (buffer)    \
    }

void jsonw_object(struct jsonw *j);
void jsonw_object_end(struct jsonw *j);
void jsonw_array(struct jsonw *j);
void jsonw_array_end(struct jsonw *j);
void jsonw_key(struct jsonw *j, const char *key);

void jsonw_text(struct jsonw *j, const char *bytes, size_t n);
void jsonw_str(struct jsonw *j, const char *text); /* NULL: null */
void jsonw_u64(struct jsonw *j, uint64_t value);
void jsonw_i64(struct jsonw *j, int64_t value);
void jsonw_real(struct jsonw *j, double value); /* the shortest form that reads back the same */
void jsonw_bool(struct jsonw *j, bool value);
void jsonw_null(struct jsonw *j);
/* A value that is JSON already. */
void jsonw_raw(struct jsonw *j, const char *json, size_t n);
