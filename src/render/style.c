#include "render/style.h"

#include <assert.h>

#include "base/buf.h"

static const char *const sgr[] = {
    [RENDER_PLAIN] = "",           [RENDER_DIM] = "\033[2m",   [RENDER_STRONG] = "\033[1m",
    [RENDER_GOOD] = "\033[32m",    [RENDER_WARN] = "\033[33m", [RENDER_BAD] = "\033[1;31m",
    [RENDER_ADDRESS] = "\033[36m", [RENDER_NAME] = "\033[35m",
};
static_assert(sizeof sgr / sizeof *sgr == RENDER_STYLES, "a colour for each style");

void style_begin(struct buf *out, bool colour, enum render_style style)
{
    if (colour)
        buf_str(out, sgr[style]);
}

void style_end(struct buf *out, bool colour, enum render_style style)
{
    if (colour && style != RENDER_PLAIN)
        buf_str(out, "\033[0m");
}
