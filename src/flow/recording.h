/* A conversation in a file: what each side said, and when.
 *
 * The file is "berth-record 1\n", then events one after the other, each
 *
 *     > SECONDS.NANOSECONDS LENGTH\n     what was sent; '<' what was received
 *     LENGTH bytes, as they were\n
 *
 * the time being counted from the conversation's start, with nine digits behind the point.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct buf;

struct recording_event {
    char direction; /* '>' or '<' */
    uint64_t at_ns;
    const char *bytes; /* in the recording */
    size_t n;
};

#define RECORDING_HEADER "berth-record 1\n"

void recording_put(struct buf *out, const struct recording_event *e);
/* The event at *at, which is 0 at first; *at moves behind it. 1, 0 at the end, or -EINVAL for what
 * is no recording. */
int recording_next(const char *file, size_t n, size_t *at, struct recording_event *ret);

/* "> 0.001234 00000000  68 65 6c 6c 6f 0a                                  |hello.|", 16 bytes a
 * line. *offset, of the first byte, moves on. */
void recording_hexdump(struct buf *out, const struct recording_event *e, uint64_t *offset);
