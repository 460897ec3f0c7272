/* Completion for fish(1): one `complete` line an option. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/vec.h"
#include "cli/options.h"
#include "tools/tables.h"

/* Text inside '…'. */
static void put_text(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            buf_char(out, '\\');
        buf_char(out, *text);
    }
}

static void put_words(struct buf *out, const struct offer *o)
{
    for (size_t i = 0; i < o->words.len; i++) {
        buf_str(out, i ? " " : "");
        put_text(out, *(const char **)vec_at(&o->words, i));
    }
}

/* What to offer, as options of `complete`; nothing where there is nothing. */
static void put_offer(struct buf *out, const struct offer *o)
{
    static const char *const functions[] = {
        [OFFER_NOTHING] = NULL,
        [OFFER_FILE] = NULL,
        [OFFER_DIRECTORY] = "__fish_complete_directories",
        [OFFER_COMMAND] = "__berth_commands",
        [OFFER_USER] = "__fish_complete_users",
        [OFFER_DEVICE] = "__fish_print_interfaces",
        [OFFER_PID] = "__fish_complete_pids",
        [OFFER_SERVICE] = "__berth_services",
        [OFFER_NETNS] = "command ls /run/netns 2>/dev/null",
        [OFFER_WORDS] = NULL,
    };
    _Static_assert(sizeof functions / sizeof *functions == OFFER_KINDS, "one for each kind");

    if (o->kind == OFFER_FILE) {
        buf_str(out, " -F");
    } else if (o->kind == OFFER_WORDS && o->list) {
        buf_str(out, " -a '(__fish_append , ");
        put_words(out, o);
        buf_str(out, ")'");
    } else if (o->kind == OFFER_WORDS) {
        buf_str(out, " -a '");
        put_words(out, o);
        buf_char(out, '\'');
    } else if (functions[o->kind]) {
        buf_printf(out, " -a '(%s)'", functions[o->kind]);
    }
}

static void put_option(struct buf *out, const struct command *c, const struct command_option *o)
{
    buf_printf(out, "complete -c berth -n '__berth_is \"%s\"' -l %s", c->name, o->name);
    if (o->letter)
        buf_printf(out, " -s %c", o->letter);
    if (option_takes_value(o)) {
        struct offer offer = offer_of(c, o->completes, o->choices);
        /* -r and -x (no files) take the next word, which an optional value never is. */
        if (!o->optional)
            buf_str(out, offer.kind == OFFER_FILE ? " -r" : " -x");
        put_offer(out, &offer);
        offer_free(&offer);
    }
    buf_str(out, " -d '");
    put_text(out, o->help);
    buf_str(out, "'\n");
    if (o->negatable)
        buf_printf(out, "complete -c berth -n '__berth_is \"%s\"' -l no-%s\n", c->name, o->name);
}

/* The next word of a command's name, after the words of `before`. */
static void put_word(struct buf *out, const char *before, const char *word, const char *summary)
{
    buf_printf(out, "complete -c berth -n '__berth_is \"%s\"' -a %.*s -d '", before,
               (int)strcspn(word, " "), word);
    put_text(out, summary);
    buf_str(out, "'\n");
}

static void put_command(struct buf *out, const struct program *p, const struct command *const *at)
{
    const struct command *c = *at;
    char family[64];
    struct option_walk w = option_walk_start(c->options);
    const struct command_option *o;
    const char *blank = strchr(c->name, ' ');
    struct offer words = offer_of(c, c->completes, NULL);

    if (first_of_its_family(p, at))
        put_word(out, "", c->name, c->summary);
    if (blank) {
        snprintf(family, sizeof family, "%.*s", (int)(blank - c->name), c->name);
        put_word(out, family, blank + 1, c->summary);
    }
    while ((o = option_walk_next(&w, NULL)))
        if (!o->hidden)
            put_option(out, c, o);
    if (words.kind != OFFER_NOTHING) {
        buf_printf(out, "complete -c berth -n '__berth_is \"%s\"'", c->name);
        put_offer(out, &words);
        buf_char(out, '\n');
    }
    offer_free(&words);
}

void fish_write(struct buf *out, const struct program *p)
{
    buf_str(out, "# Completion of berth for fish. Made from the tables of options.\n\n"
                 "function __berth_commands\n"
                 "    printf '%s\\n'");
    for (const struct command *const *c = p->commands; *c; c++)
        buf_printf(out, " '%s'", (*c)->name);
    buf_str(out, "\nend\n\n"
                 "function __berth_services\n"
                 "    getent services | string replace -r ' .*' ''\n"
                 "end\n\n"
                 "# True where the words so far name this command: its one word or its two.\n"
                 "function __berth_is -a command\n"
                 "    set -l words (commandline -opc)[2..]\n"
                 "    set -l named $words[1]\n"
                 "    contains -- \"$words[1..2]\" (__berth_commands)\n"
                 "    and set named \"$words[1..2]\"\n"
                 "    test \"$named\" = \"$command\"\n"
                 "end\n\n"
                 "complete -c berth -f\n"
                 "complete -c berth -n '__berth_is \"\"' -l version -d 'show the version'\n"
                 "complete -c berth -l help -s h -d 'show help'\n"
                 "complete -c berth -n '__berth_is \"\"' -a help -d 'what a command does'\n"
                 "complete -c berth -n '__berth_is help' -a '(__berth_commands)'\n");
    for (const struct command *const *c = p->commands; *c; c++)
        put_command(out, p, c);
}
