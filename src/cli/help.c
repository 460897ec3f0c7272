/* Lays out help: two columns, the right one wrapped.
 *
 * It knows how tables look to a reader, not where they are shown: width and colour are given. The
 * same width and tables give the same bytes.
 */
#include "cli/help.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/options.h"

enum { RIGHT_COLUMN = 26, WIDEST = 100, NARROWEST = 40 };

struct page {
    struct buf *out;
    struct help_style style;
};

static struct page page_start(struct buf *out, struct help_style style)
{
    if (style.width > WIDEST)
        style.width = WIDEST;
    if (style.width < NARROWEST)
        style.width = NARROWEST;
    return (struct page){out, style};
}

static void put_painted(struct page *p, const char *code, const char *text)
{
    if (p->style.colour)
        buf_printf(p->out, "\033[%sm%s\033[0m", code, text);
    else
        buf_str(p->out, text);
}

static void put_heading(struct page *p, const char *text)
{
    buf_char(p->out, '\n');
    put_painted(p, "1", text);
    if (p->style.colour)
        buf_str(p->out, "\n");
    else
        buf_str(p->out, ":\n");
}

/* Words of one paragraph from column `column` on, later lines indented. Ends the line. */
static void put_wrapped(struct page *p, const char *text, size_t n, unsigned column,
                        unsigned indent)
{
    const char *end = text + n;
    bool first = true;

    for (;;) {
        while (text < end && (*text == ' ' || *text == '\n'))
            text++;
        if (text == end)
            break;
        const char *word = text;
        while (text < end && *text != ' ' && *text != '\n')
            text++;
        unsigned width = (unsigned)text_width(word, (size_t)(text - word));
        if (!first && column + 1 + width > p->style.width) {
            buf_char(p->out, '\n');
            buf_repeat(p->out, ' ', indent);
            column = indent;
        } else if (!first) {
            buf_char(p->out, ' ');
            column++;
        }
        buf_add(p->out, word, (size_t)(text - word));
        column += width;
        first = false;
    }
    buf_char(p->out, '\n');
}

static void put_paragraphs(struct page *p, const char *text)
{
    while (*text) {
        const char *gap = strstr(text, "\n\n");
        size_t n = gap ? (size_t)(gap - text) : strlen(text);
        buf_char(p->out, '\n');
        put_wrapped(p, text, n, 0, 0);
        text += n;
        while (*text == '\n')
            text++;
    }
}

/* One row: what is explained, and its explanation. */
static void put_row(struct page *p, const char *left, const char *right)
{
    unsigned width = 2 + (unsigned)text_width(left, strlen(left));

    buf_str(p->out, "  ");
    put_painted(p, "36", left);
    if (width + 2 > RIGHT_COLUMN) {
        buf_char(p->out, '\n');
        width = 0;
    }
    buf_repeat(p->out, ' ', RIGHT_COLUMN - width);
    put_wrapped(p, right, strlen(right), RIGHT_COLUMN, RIGHT_COLUMN);
}

void help_value(struct buf *out, const struct command_option *o)
{
    if (!option_takes_value(o))
        return;
    if (o->metavar) {
        buf_str(out, o->metavar);
        return;
    }
    if (!o->choices) {
        buf_str(out, "VALUE");
        return;
    }
    for (int i = 0; o->choices[i]; i++) {
        if (i)
            buf_char(out, '|');
        buf_str(out, o->choices[i]);
    }
}

static void put_option(struct page *p, const struct command_option *o)
{
    _cleanup_buf_ struct buf left = BUF_INIT(1024);

    if (o->letter)
        buf_printf(&left, "-%c, ", o->letter);
    else
        buf_str(&left, "    ");
    buf_printf(&left, "--%s%s", o->negatable ? "[no-]" : "", o->name);
    if (option_takes_value(o)) {
        buf_str(&left, o->optional ? "[=" : " ");
        help_value(&left, o);
        if (o->optional)
            buf_char(&left, ']');
    }
    put_row(p, buf_cstr(&left), o->help);
}

static void put_options(struct page *p, const struct command *c)
{
    struct option_walk w = option_walk_start(c->options);
    const char *group = NULL;
    const struct command_option *o;

    while ((o = option_walk_next(&w, NULL))) {
        if (o->hidden)
            continue;
        const char *heading = w.group ? w.group : "Options";
        if (!group || strcmp(group, heading) != 0)
            put_heading(p, heading);
        group = heading;
        put_option(p, o);
    }
    if (!group)
        put_heading(p, "Options");
    put_row(p, "-h, --help", "show this help");
}

void help_command(struct buf *out, const struct program *program, const struct command *c,
                  struct help_style style)
{
    struct page p = page_start(out, style);
    _cleanup_buf_ struct buf title = BUF_INIT(256);

    buf_printf(&title, "%s %s", program->name, c->name);
    put_painted(&p, "1", buf_cstr(&title));
    buf_printf(out, ": %s\n\nUsage: %s %s [OPTION…]%s%s\n", c->summary, program->name, c->name,
               c->usage && *c->usage ? " " : "", c->usage ? c->usage : "");
    if (c->description)
        put_paragraphs(&p, c->description);
    put_options(&p, c);

    buf_printf(out, "\nThe manual has examples: man %s-", program->name);
    for (const char *at = c->name; *at; at++)
        buf_char(out, *at == ' ' ? '-' : *at);
    buf_char(out, '\n');
}

void help_program(struct buf *out, const struct program *program, struct help_style style)
{
    struct page p = page_start(out, style);
    const char *group = NULL;

    put_painted(&p, "1", program->name);
    buf_printf(out, " %s\n\nUsage: %s COMMAND [OPTION…] [WORD…]\n", program->summary,
               program->name);
    for (const struct command *const *c = program->commands; *c; c++) {
        const char *heading = (*c)->group ? (*c)->group : "Commands";
        if (!group || strcmp(group, heading) != 0)
            put_heading(&p, heading);
        group = heading;
        put_row(&p, (*c)->name, (*c)->summary);
    }
    put_heading(&p, "Help");
    put_row(&p, "help COMMAND", "what a command does, and its options (COMMAND --help too)");
    put_row(&p, "--version", "show the version");
}

void help_family(struct buf *out, const struct program *program, const char *first, size_t n,
                 struct help_style style)
{
    struct page p = page_start(out, style);

    buf_printf(out, "Usage: %s %.*s COMMAND [OPTION…] [WORD…]\n", program->name, (int)n, first);
    put_heading(&p, "Commands");
    for (const struct command *const *c = program->commands; *c; c++)
        if (strncmp((*c)->name, first, n) == 0 && (*c)->name[n] == ' ')
            put_row(&p, (*c)->name, (*c)->summary);
}
