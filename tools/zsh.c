/* Completion for zsh(1): one _arguments call a command. */
#include <string.h>

#include "base/buf.h"
#include "base/vec.h"
#include "cli/help.h"
#include "cli/options.h"
#include "tools/tables.h"

/* Text inside '…' of a spec: brackets and colons are its syntax. */
static void put_text(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'') {
            buf_str(out, "'\\''");
            continue;
        }
        if (strchr("[]:\\", *text))
            buf_char(out, '\\');
        buf_char(out, *text);
    }
}

static void put_action(struct buf *out, const struct offer *o)
{
    static const char *const actions[] = {
        [OFFER_NOTHING] = " ",
        [OFFER_FILE] = "_files",
        [OFFER_DIRECTORY] = "_directories",
        [OFFER_COMMAND] = "_berth_commands",
        [OFFER_USER] = "_users",
        [OFFER_DEVICE] = "_net_interfaces",
        [OFFER_PID] = "_pids",
        [OFFER_SERVICE] = "_ports",
        [OFFER_NETNS] = "_files -W /run/netns",
        [OFFER_WORDS] = NULL,
    };
    _Static_assert(sizeof actions / sizeof *actions == OFFER_KINDS, "an action for each kind");

    if (o->kind != OFFER_WORDS) {
        buf_str(out, actions[o->kind]);
        return;
    }
    buf_str(out, o->list ? "_sequence -s , compadd -" : "(");
    for (size_t i = 0; i < o->words.len; i++) {
        buf_str(out, i || o->list ? " " : "");
        put_text(out, *(const char **)vec_at(&o->words, i));
    }
    if (!o->list)
        buf_char(out, ')');
}

/* One spec; name with its dashes, and what marks how its value is given. */
static void put_spec(struct buf *out, const struct command *c, const struct command_option *o,
                     const char *dashes, const char *name, const char *how)
{
    buf_printf(out, "            '*%s%s%s[", dashes, name, how);
    put_text(out, o->help);
    buf_char(out, ']');
    if (option_takes_value(o)) {
        _cleanup_buf_ struct buf value = BUF_INIT(1024);
        struct offer offer = offer_of(c, o->completes, o->choices);
        help_value(&value, o);
        buf_str(out, o->optional ? "::" : ":");
        put_text(out, buf_cstr(&value));
        buf_char(out, ':');
        put_action(out, &offer);
        offer_free(&offer);
    }
    buf_str(out, "' \\\n");
}

static void put_option(struct buf *out, const struct command *c, const struct command_option *o)
{
    const char letter[] = {o->letter, '\0'};
    bool value = option_takes_value(o);

    put_spec(out, c, o, "--", o->name, !value ? "" : o->optional ? "=-" : "=");
    if (o->letter)
        put_spec(out, c, o, "-", letter, !value ? "" : o->optional ? "-" : "+");
    if (o->negatable)
        put_spec(out, c, o, "--no-", o->name, "");
}

static void put_command(struct buf *out, const struct command *c)
{
    struct option_walk w = option_walk_start(c->options);
    const struct command_option *o;
    struct offer words = offer_of(c, c->completes, NULL);

    buf_printf(out, "    '%s')\n        _arguments -s -S \\\n", c->name);
    while ((o = option_walk_next(&w, NULL)))
        if (!o->hidden)
            put_option(out, c, o);
    buf_str(out, "            '(-h --help)'{-h,--help}'[show this help]' \\\n            '*:");
    put_text(out, c->usage && *c->usage ? c->usage : "no more words");
    buf_char(out, ':');
    put_action(out, &words);
    buf_str(out, "' ;;\n");
    offer_free(&words);
}

/* Each first word of a command once; a family is explained by its first member. */
static void put_names(struct buf *out, const struct program *p)
{
    buf_str(out, "_berth_commands() {\n    local -a names\n    names=(\n");
    for (const struct command *const *c = p->commands; *c; c++) {
        if (!first_of_its_family(p, c))
            continue;
        buf_printf(out, "        '%.*s:", (int)strcspn((*c)->name, " "), (*c)->name);
        put_text(out, (*c)->summary);
        buf_str(out, "'\n");
    }
    buf_str(out, "        'help:what a command does'\n    )\n"
                 "    _describe -t commands command names\n}\n\n");
}

static void put_families(struct buf *out, const struct program *p)
{
    for (const struct command *const *c = p->commands; *c; c++) {
        const char *blank = strchr((*c)->name, ' ');
        if (blank)
            buf_printf(out, "    '%.*s') second+=('%s') ;|\n", (int)(blank - (*c)->name),
                       (*c)->name, blank + 1);
    }
}

void zsh_write(struct buf *out, const struct program *p)
{
    buf_str(out, "#compdef berth\n# Completion of berth for zsh. Made from the tables of options.\n"
                 "\n");
    put_names(out, p);
    buf_str(out, "_berth() {\n"
                 "    local command=${words[2]}\n"
                 "    local -a second\n"
                 "    if ((CURRENT == 2)); then\n"
                 "        _berth_commands\n"
                 "        return\n"
                 "    fi\n"
                 "    case $command in\n");
    put_families(out, p);
    buf_str(out, "    esac\n"
                 "    if (($#second)); then\n"
                 "        if ((CURRENT == 3)); then\n"
                 "            compadd -a second\n"
                 "            return\n"
                 "        fi\n"
                 "        command+=\" ${words[3]}\"\n"
                 "        shift words\n"
                 "        ((CURRENT--))\n"
                 "    fi\n"
                 "    shift words\n"
                 "    ((CURRENT--))\n"
                 "    case $command in\n"
                 "    help) _berth_commands ;;\n");
    for (const struct command *const *c = p->commands; *c; c++)
        put_command(out, *c);
    buf_str(out, "    esac\n}\n\n_berth \"$@\"\n");
}
