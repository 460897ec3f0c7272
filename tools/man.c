/* Fills the placeholders of a man page's source.
 *
 * A placeholder is a comment of roff, alone on its line: .\" @OPTIONS@. The others are TITLE (.TH),
 * NAME and SYNOPSIS (whole sections), DESCRIPTION (the table's paragraphs, without the heading),
 * and COMMANDS (of the whole program). Every page must have its TITLE, and a command's page its
 * OPTIONS: a page without them would fall behind its command. (The old tongues have none of ours.)
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/help.h"
#include "cli/options.h"
#include "tools/tables.h"

struct page {
    struct buf *out;
    const struct program *program;
    const struct command *command; /* NULL: the program's page */
};

/* Text of a table as roff: dashes that can be copied, no escapes, no requests. */
static void put_text(struct buf *out, const char *text, size_t n)
{
    bool line_start = true;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (line_start && (c == '.' || c == '\''))
            buf_str(out, "\\&");
        if (c == '\\')
            buf_str(out, "\\e");
        else if (c == '-')
            buf_str(out, "\\-");
        else
            buf_char(out, c);
        line_start = c == '\n';
    }
}

static void put_word(struct buf *out, const char *text)
{
    put_text(out, text, strlen(text));
}

/* "berth-list", "berth-explain-bind" */
static void put_page_name(struct page *p, bool upper)
{
    _cleanup_buf_ struct buf name = BUF_INIT(256);

    buf_str(&name, p->program->name);
    if (p->command)
        buf_printf(&name, "-%s", p->command->name);
    for (const char *at = buf_cstr(&name); *at; at++) {
        char c = *at == ' ' ? '-' : *at;
        if (c == '-')
            buf_char(p->out, '\\');
        buf_char(p->out, upper ? (char)toupper((unsigned char)c) : c);
    }
}

static void put_title(struct page *p)
{
    buf_str(p->out, ".TH ");
    put_page_name(p, true);
    buf_printf(p->out, " 1 \"\" \"%s %s\" \"User Commands\"\n", p->program->name,
               p->program->version);
}

static void put_name(struct page *p)
{
    buf_str(p->out, ".SH NAME\n");
    put_page_name(p, false);
    buf_str(p->out, " \\- ");
    put_word(p->out, p->command ? p->command->summary : p->program->summary);
    buf_char(p->out, '\n');
}

static void put_synopsis(struct page *p)
{
    buf_printf(p->out, ".SH SYNOPSIS\n.B %s", p->program->name);
    if (!p->command) {
        buf_str(p->out, "\n.I COMMAND\n[\\fIOPTION\\fR\\|.\\|.\\|.\\&]\n");
        return;
    }
    buf_printf(p->out, " %s\n[\\fIOPTION\\fR\\|.\\|.\\|.\\&]\n", p->command->name);
    if (p->command->usage) {
        put_word(p->out, p->command->usage);
        buf_char(p->out, '\n');
    }
}

static void put_description(struct page *p)
{
    const char *text = p->command && p->command->description ? p->command->description : "";
    while (*text) {
        const char *gap = strstr(text, "\n\n");
        size_t n = gap ? (size_t)(gap - text) : strlen(text);
        buf_str(p->out, ".PP\n");
        put_text(p->out, text, n);
        buf_char(p->out, '\n');
        for (text += n; *text == '\n'; text++)
            ;
    }
}

/* \fB\-\-color\fR[=\fIauto\fR|\fIalways\fR] */
static void put_value(struct buf *out, const struct command_option *o)
{
    _cleanup_buf_ struct buf value = BUF_INIT(1024);

    help_value(&value, o);
    buf_str(out, o->optional ? "[=\\fI" : " \\fI");
    for (const char *at = buf_cstr(&value); *at; at++) {
        if (*at == '|')
            buf_str(out, "\\fR|\\fI");
        else
            put_text(out, at, 1);
    }
    buf_str(out, o->optional ? "\\fR]" : "\\fR");
}

static void put_option(struct page *p, const struct command_option *o)
{
    buf_str(p->out, ".TP\n");
    if (o->letter)
        buf_printf(p->out, "\\fB\\-%c\\fR, ", o->letter);
    buf_str(p->out, "\\fB\\-\\-");
    if (o->negatable)
        buf_str(p->out, "\\fR[\\fBno\\-\\fR]\\fB");
    put_word(p->out, o->name);
    buf_str(p->out, "\\fR");
    if (option_takes_value(o))
        put_value(p->out, o);
    buf_char(p->out, '\n');
    put_word(p->out, o->help);
    buf_str(p->out, ".\n");
}

static void put_options(struct page *p)
{
    struct option_walk w = option_walk_start(p->command ? p->command->options : NULL);
    const struct command_option *o;
    const char *group = NULL;

    buf_str(p->out, ".SH OPTIONS\n");
    while ((o = option_walk_next(&w, NULL))) {
        if (o->hidden)
            continue;
        if (w.group && (!group || strcmp(group, w.group) != 0)) {
            buf_str(p->out, ".SS ");
            put_word(p->out, w.group);
            buf_char(p->out, '\n');
        }
        group = w.group;
        put_option(p, o);
    }
    buf_str(p->out, ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nshow a summary of this.\n");
}

static void put_commands(struct page *p)
{
    const char *group = NULL;

    buf_str(p->out, ".SH COMMANDS\n");
    for (const struct command *const *c = p->program->commands; *c; c++) {
        if ((*c)->group && (!group || strcmp(group, (*c)->group) != 0)) {
            group = (*c)->group;
            buf_str(p->out, ".SS ");
            put_word(p->out, group);
            buf_char(p->out, '\n');
        }
        struct page own = {p->out, p->program, *c};
        buf_str(p->out, ".TP\n\\fB");
        put_page_name(&own, false);
        buf_str(p->out, "\\fR(1)\n");
        put_word(p->out, (*c)->summary);
        buf_str(p->out, ".\n");
    }
}

static const struct placeholder {
    const char *name;
    void (*put)(struct page *p);
} placeholders[] = {
    {"TITLE", put_title},       {"NAME", put_name},
    {"SYNOPSIS", put_synopsis}, {"DESCRIPTION", put_description},
    {"OPTIONS", put_options},   {"COMMANDS", put_commands},
};

/* The placeholder that this line is, or NULL. */
static const struct placeholder *find_placeholder(const char *line, size_t n)
{
    char expected[64];
    for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++) {
        int len = snprintf(expected, sizeof expected, ".\\\" @%s@", placeholders[i].name);
        if (n == (size_t)len && memcmp(line, expected, n) == 0)
            return &placeholders[i];
    }
    return NULL;
}

static int check(const char *source, const struct command *command)
{
    if (strstr(source, ".\\\" @TITLE@\n") &&
        (!command || command->own_words || strstr(source, ".\\\" @OPTIONS@\n")))
        return 0;
    fprintf(stderr, "tables: the page of '%s' has no TITLE, or no OPTIONS\n",
            command ? command->name : "the program");
    return -EINVAL;
}

int man_write(struct buf *out, const char *source, const struct program *program,
              const struct command *command)
{
    struct page p = {out, program, command};

    int r = check(source, command);
    if (r < 0)
        return r;
    for (const char *line = source; *line;) {
        size_t n = strcspn(line, "\n");
        const struct placeholder *found = find_placeholder(line, n);
        if (found) {
            found->put(&p);
        } else {
            buf_add(out, line, n);
            buf_char(out, '\n');
        }
        line += n + (line[n] == '\n');
    }
    return 0;
}
