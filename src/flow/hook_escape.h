/* What a peer sends, made fit for a terminal on its way there.
 *
 * Line feeds, tabs, and a carriage return before a line feed pass; other control characters, those
 * that reorder or hide text, and bytes that are not UTF-8 become \xNN. A backslash stays as it is:
 * this is for eyes, there is no way back. A character that is split over two reads is put together
 * again.
 */
#pragma once
#include "base/buf.h"
#include "flow/pump.h"

struct hook_escape {
    struct pump_hook hook; /* add this to a pump */
    struct buf in, out;
    char held[3]; /* the beginning of a character, or a carriage return */
    size_t held_n;
};

void hook_escape_init(struct hook_escape *h);
void hook_escape_clear(struct hook_escape *h);
