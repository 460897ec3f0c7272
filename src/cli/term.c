#include "cli/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/parse.h"

const char *const term_when_names[] = {
    [TERM_AUTO] = "auto", [TERM_ALWAYS] = "always", [TERM_NEVER] = "never", NULL};

enum { WIDTH_LEAST = 20, WIDTH_USUAL = 80, WIDTH_MOST = 10000 };

unsigned term_width(int fd)
{
    struct winsize size;
    uint64_t columns;
    const char *set = getenv("COLUMNS");

    if (!isatty(fd))
        return 0;
    if (set && parse_u64(set, WIDTH_LEAST, WIDTH_MOST, &columns) == 0)
        return (unsigned)columns;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= WIDTH_LEAST)
        return size.ws_col;
    return WIDTH_USUAL;
}

bool term_colour(int fd, enum term_when when)
{
    if (when != TERM_AUTO)
        return when == TERM_ALWAYS;
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fd) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}
