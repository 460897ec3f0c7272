/* Holders of a port in words, for `who` and `free`. */
#pragma once
#include "cmd/socket_view.h"
#include "predict/holders.h"

struct buf;
struct render_options;

struct holder_text {
    struct socket_view *view;
    const struct predict_clients *clients;
    uint64_t real_ns; /* now, since 1970 */
    uint64_t netns;   /* of who asks: only others are told; 0 unknown, none is */
    bool colour;      /* the palette of tables */
    uint16_t width;   /* of the terminal that lines are broken for; 0: they aren't */
};

/* Colour and width as an output has them. */
void holder_text_fit(struct holder_text *t, const struct render_options *o);
/* Ends the line that began at `start`: what it has beyond the width goes under what it began with.
 */
void holder_end_line(struct buf *out, const struct holder_text *t, size_t start);
/* One short paragraph, its last line ended. Bytes from elsewhere are escaped. */
void holder_describe(struct buf *out, const struct holder_text *t, const struct predict_holder *h);
/* "nginx[812]", or "pid 812". */
void holder_name(struct buf *out, const struct predict_holder *h);
