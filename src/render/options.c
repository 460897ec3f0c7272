/* What a descriptor and the environment say about how to write. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/parse.h"
#include "render/render.h"

enum { USUAL_WIDTH = 80 };

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

/* COLUMNS is exported by people who want it to count, so it beats the terminal's own word. */
static uint16_t terminal_width(int fd)
{
    const char *text = getenv("COLUMNS");
    uint64_t columns;
    if (text && parse_u64(text, 1, UINT16_MAX, &columns) == 0)
        return (uint16_t)columns;
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return USUAL_WIDTH;
}

/* NO_COLOR: no-color.org; it and TERM yield to what was asked for outright. */
static bool wants_colour(bool terminal, enum render_colour colour)
{
    if (colour != RENDER_COLOUR_AUTO)
        return colour == RENDER_COLOUR_ALWAYS;
    const char *term = getenv("TERM");
    return terminal && !is_set("NO_COLOR") && term && *term && strcmp(term, "dumb") != 0;
}

struct render_options render_options_detect(int fd, enum render_format format,
                                            enum render_colour colour)
{
    bool terminal = isatty(fd);
    return (struct render_options){
        .format = format,
        .terminal = terminal,
        .colour = format == RENDER_TABLE && wants_colour(terminal, colour),
        .width = terminal ? terminal_width(fd) : 0,
    };
}
