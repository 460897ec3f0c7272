/* One typed value of a row, and whether it is there at all.
 *
 * A value is known, absent (the thing has none), or forbidden (it may be there, but this process
 * may not see it). The three look different in every output, so they are different here.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum presence { ABSENT, KNOWN, FORBIDDEN };

enum cell_kind {
    CELL_BOOL,
    CELL_UINT,
    CELL_INT,
    CELL_REAL,
    CELL_TEXT,   /* bytes of any kind; the renderer makes them safe */
    CELL_OBJECT, /* one thing with columns of its own */
    CELL_LIST,   /* several such things */
    CELL_KINDS
};

struct cell {
    enum presence presence;
    union {
        bool boolean;
        uint64_t uint;
        int64_t integer;
        double real;
        struct {
            const char *bytes;
            size_t n;
        } text;
        const void *object; /* the row of the column's own columns */
        struct {
            const void *items; /* n rows, stride bytes apart */
            size_t n, stride;
        } list;
    };
};

/* These make the cell a KNOWN value of its kind. What a pointer leads to is borrowed. */

/* NULL and "" leave it as it is. */
void cell_set_text(struct cell *ret, const char *text);

static inline void cell_set_bool(struct cell *ret, bool value)
{
    ret->presence = KNOWN;
    ret->boolean = value;
}

static inline void cell_set_uint(struct cell *ret, uint64_t value)
{
    ret->presence = KNOWN;
    ret->uint = value;
}

static inline void cell_set_object(struct cell *ret, const void *object)
{
    ret->presence = KNOWN;
    ret->object = object;
}

/* n items, stride bytes apart. */
static inline void cell_set_list(struct cell *ret, const void *items, size_t n, size_t stride)
{
    ret->presence = KNOWN;
    ret->list.items = items;
    ret->list.n = n;
    ret->list.stride = stride;
}
