/* Reads words by a table of options.
 *
 * It knows the forms in which options are written and the types that values have; it doesn't know
 * what any option means. Every value goes to its field by the row's type, and nowhere else.
 * Options and words may be mixed; "--" ends the options; "-" is a word. Long names are written in
 * full: an abbreviation that is unambiguous today would break a script with tomorrow's option.
 */
#include "cli/options.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/parse.h"
#include "base/suggest.h"
#include "base/vec.h"

static const struct command_option no_options[] = {{0}};

struct option_walk option_walk_start(const struct command_option *table)
{
    return (struct option_walk){.at = table ? table : no_options};
}

const struct command_option *option_walk_next(struct option_walk *w, size_t *ret_field)
{
    for (;;) {
        const struct command_option *o = w->at;
        if (o->type == OPTION_TABLE) {
            assert(!w->back);
            w->back = o + 1;
            w->base = o->field;
            w->at = o->table;
            if (o->group)
                w->group = o->group;
        } else if (o->name) {
            w->at = o + 1;
            if (o->group)
                w->group = o->group;
            if (ret_field)
                *ret_field = w->base + o->field;
            return o;
        } else if (w->back) {
            w->at = w->back;
            w->back = NULL;
            w->base = 0;
        } else {
            return NULL;
        }
    }
}

bool option_takes_value(const struct command_option *o)
{
    return o->type != OPTION_FLAG;
}

/* The command line under way. */
struct reader {
    const struct command *command;
    int argc;
    char **argv;
    int i; /* of the word being read */
    char *arguments;
    struct command_words *words;
    struct buf *fault;
};

/* One option as it was met: its row, where its value goes, and how the user wrote its name. */
struct met {
    const struct command_option *option;
    size_t field;
    bool negated;
    char written[80];
};

static int fault_value(struct reader *r, const struct met *m, const char *wanted, const char *value)
{
    buf_printf(r->fault, "%s wants %s, not '%s'", m->written, wanted, value);
    return -EINVAL;
}

static int read_uint(struct reader *r, const struct met *m, const char *text, uint64_t *ret)
{
    uint64_t max = m->option->max ? m->option->max : UINT64_MAX;
    char wanted[96];

    if (parse_u64(text, m->option->min, max, ret) == 0)
        return 0;
    if (m->option->max)
        snprintf(wanted, sizeof wanted, "a number from %" PRIu64 " to %" PRIu64, m->option->min,
                 max);
    else if (m->option->min)
        snprintf(wanted, sizeof wanted, "a number of at least %" PRIu64, m->option->min);
    else
        snprintf(wanted, sizeof wanted, "a number");
    return fault_value(r, m, wanted, text);
}

static int read_choice(struct reader *r, const struct met *m, const char *text, int *ret)
{
    const char *const *choices = m->option->choices;
    for (int i = 0; choices[i]; i++) {
        if (strcmp(choices[i], text) == 0) {
            *ret = i;
            return 0;
        }
    }
    buf_printf(r->fault, "%s wants ", m->written);
    for (int i = 0; choices[i]; i++) {
        if (i)
            buf_str(r->fault, choices[i + 1] ? ", " : " or ");
        buf_str(r->fault, choices[i]);
    }
    buf_printf(r->fault, ", not '%s'", text);
    return -EINVAL;
}

static int add_text(void *field, const char *text)
{
    struct vec *list = field;
    if (!list->item_size)
        *list = VEC_INIT(const char *);
    return vec_add(list, &text);
}

static int store_value(struct reader *r, const struct met *m, const char *text)
{
    void *field = r->arguments + m->field;
    switch (m->option->type) {
    case OPTION_TEXT:
        *(const char **)field = text;
        return 0;
    case OPTION_TEXTS:
        return add_text(field, text);
    case OPTION_UINT:
        return read_uint(r, m, text, field);
    case OPTION_DURATION:
        if (parse_duration_ns(text, field) < 0)
            return fault_value(r, m, "a time such as 500ms, 2s or 3m", text);
        return 0;
    case OPTION_SIZE:
        if (parse_size(text, field) < 0)
            return fault_value(r, m, "a size such as 512, 64k or 1M", text);
        return 0;
    case OPTION_CHOICE:
        return read_choice(r, m, text, field);
    case OPTION_FLAG:
    case OPTION_TABLE:
    case OPTION_TYPES:
        break;
    }
    assert(!"an option of this type has no value");
    return -EINVAL;
}

/* The value of an option that may stand without one. */
static int store_missing(struct reader *r, const struct met *m)
{
    void *field = r->arguments + m->field;
    switch (m->option->type) {
    case OPTION_TEXT:
        *(const char **)field = "";
        return 0;
    case OPTION_TEXTS:
        return add_text(field, "");
    case OPTION_CHOICE:
        *(int *)field = m->option->value;
        return 0;
    default:
        *(uint64_t *)field = (uint64_t)m->option->value;
        return 0;
    }
}

static void store_flag(struct reader *r, const struct met *m)
{
    void *field = r->arguments + m->field;
    if (m->option->value)
        *(int *)field = m->negated ? 0 : m->option->value;
    else
        *(bool *)field = !m->negated;
}

/* An option with the value that was attached to it, or NULL. */
static int store(struct reader *r, const struct met *m, const char *attached)
{
    if (!option_takes_value(m->option)) {
        if (attached) {
            buf_printf(r->fault, "%s takes no value", m->written);
            return -EINVAL;
        }
        store_flag(r, m);
        return 0;
    }
    if (attached)
        return store_value(r, m, attached);
    if (m->option->optional)
        return store_missing(r, m);
    if (r->i + 1 == r->argc) {
        buf_printf(r->fault, "%s needs a value", m->written);
        if (m->option->metavar)
            buf_printf(r->fault, ": %s %s", m->written, m->option->metavar);
        return -EINVAL;
    }
    return store_value(r, m, r->argv[++r->i]);
}

static bool find_long(const struct command *c, const char *name, size_t n, struct met *ret)
{
    struct option_walk w = option_walk_start(c->options);
    const struct command_option *o;
    size_t field;

    while ((o = option_walk_next(&w, &field))) {
        bool negated = o->negatable && n > 3 && strncmp(name, "no-", 3) == 0 &&
                       strlen(o->name) == n - 3 && memcmp(o->name, name + 3, n - 3) == 0;
        if (!negated && (strlen(o->name) != n || memcmp(o->name, name, n) != 0))
            continue;
        *ret = (struct met){.option = o, .field = field, .negated = negated};
        snprintf(ret->written, sizeof ret->written, "--%.*s", (int)n, name);
        return true;
    }
    return false;
}

static bool find_letter(const struct command *c, char letter, struct met *ret)
{
    struct option_walk w = option_walk_start(c->options);
    const struct command_option *o;
    size_t field;

    while ((o = option_walk_next(&w, &field))) {
        if (!o->letter || o->letter != letter)
            continue;
        *ret = (struct met){.option = o, .field = field};
        snprintf(ret->written, sizeof ret->written, "-%c", letter);
        return true;
    }
    return false;
}

static int fault_unknown_long(struct reader *r, const char *name, size_t n)
{
    struct suggest s = suggest_start(name, n);
    struct option_walk w = option_walk_start(r->command->options);
    const struct command_option *o;

    while ((o = option_walk_next(&w, NULL)))
        if (!o->hidden)
            suggest_offer(&s, o->name);
    suggest_offer(&s, "help");
    buf_printf(r->fault, "there is no option '--%.*s'", (int)n, name);
    const char *meant = suggest_best(&s);
    if (meant)
        buf_printf(r->fault, "; did you mean '--%s'?", meant);
    return -EINVAL;
}

static int read_long(struct reader *r, const char *word)
{
    const char *name = word + 2;
    const char *equals = strchr(name, '=');
    size_t n = equals ? (size_t)(equals - name) : strlen(name);
    struct met m;

    if (find_long(r->command, name, n, &m))
        return store(r, &m, equals ? equals + 1 : NULL);
    if (strcmp(name, "help") == 0)
        return OPTIONS_HELP;
    return fault_unknown_long(r, name, n);
}

static int fault_unknown_letter(struct reader *r, const char *word, const char *at)
{
    struct met m;
    const char *name = word + 1;

    /* The byte may be the first of a longer character: show the whole word then. */
    if ((unsigned char)*at >= 0x80)
        buf_printf(r->fault, "there is no option '%s'", word);
    else
        buf_printf(r->fault, "there is no option '-%c'", *at);
    if (name[1] && find_long(r->command, name, strcspn(name, "="), &m))
        buf_printf(r->fault, "; did you mean '--%s'?", m.option->name);
    else if (name[1] && (unsigned char)*at < 0x80)
        buf_printf(r->fault, " (in '%s')", word);
    return -EINVAL;
}

/* "-n", "-np" (flags bundled), "-o FILE", "-oFILE", "-npoFILE". */
static int read_letters(struct reader *r, const char *word)
{
    for (const char *at = word + 1; *at; at++) {
        struct met m;
        if (!find_letter(r->command, *at, &m)) {
            if (*at == 'h')
                return OPTIONS_HELP;
            return fault_unknown_letter(r, word, at);
        }
        if (option_takes_value(m.option))
            return store(r, &m, at[1] ? at + 1 : NULL);
        store_flag(r, &m);
    }
    return OPTIONS_RUN;
}

static int check_words(struct reader *r)
{
    const struct command *c = r->command;
    int n = r->words->n;

    if (n < c->min_words) {
        if (c->min_words == 1)
            buf_printf(r->fault, "a word is missing: %s %s", c->name, c->usage ? c->usage : "");
        else
            buf_printf(r->fault, "words are missing: %s %s", c->name, c->usage ? c->usage : "");
        return -EINVAL;
    }
    if (c->max_words >= 0 && n > c->max_words) {
        buf_printf(r->fault, "'%s' is one word too many", r->words->words[c->max_words]);
        return -EINVAL;
    }
    return OPTIONS_RUN;
}

int options_parse(const struct command *c, int argc, char **argv, void *arguments,
                  struct command_words *words, struct buf *fault)
{
    struct reader r = {c, argc, argv, 0, arguments, words, fault};
    bool ended = false;

    words->n = 0;
    for (; r.i < argc; r.i++) {
        char *word = argv[r.i];
        int outcome = OPTIONS_RUN;
        if (ended || word[0] != '-' || !word[1]) {
            words->words[words->n++] = word;
            ended |= c->words_end_options;
        } else if (strcmp(word, "--") == 0) {
            ended = true;
        } else if (word[1] == '-') {
            outcome = read_long(&r, word);
        } else {
            outcome = read_letters(&r, word);
        }
        if (outcome != OPTIONS_RUN)
            return outcome;
    }
    return check_words(&r);
}

void options_release(const struct command *c, void *arguments)
{
    struct option_walk w = option_walk_start(c->options);
    const struct command_option *o;
    size_t field;

    while ((o = option_walk_next(&w, &field)))
        if (o->type == OPTION_TEXTS)
            vec_free((struct vec *)((char *)arguments + field));
}
