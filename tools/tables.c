/* tables man SOURCE [COMMAND] | bash | zsh | fish | commands: writes to stdout.
 *
 * Run by the build with the program's own tables linked in, so that manual and completions can't
 * differ from what the parser takes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/vec.h"
#include "tools/tables.h"

enum { MOST = 16 << 20 };

static const char *const offer_names[] = {
    [OFFER_FILE] = "file",       [OFFER_DIRECTORY] = "directory", [OFFER_COMMAND] = "command",
    [OFFER_USER] = "user",       [OFFER_DEVICE] = "device",       [OFFER_PID] = "pid",
    [OFFER_SERVICE] = "service", [OFFER_NETNS] = "netns",         [OFFER_WORDS] = NULL,
};
_Static_assert(sizeof offer_names / sizeof *offer_names == OFFER_KINDS, "a name for each kind");

static void add_word(struct offer *o, const char *word)
{
    if (vec_add(&o->words, &word) < 0)
        abort();
}

struct offer offer_of(const struct command *c, const char *completes, const char *const *choices)
{
    struct offer offer = {.words = VEC_INIT(const char *)};

    if (choices && !completes) {
        offer.kind = OFFER_WORDS;
        for (; *choices; choices++)
            add_word(&offer, *choices);
        return offer;
    }
    if (!completes)
        return offer;

    char name[64];
    size_t n = strlen(completes);
    offer.list = n > 0 && completes[n - 1] == ',';
    snprintf(name, sizeof name, "%.*s", (int)(n - offer.list), completes);
    for (int kind = 0; kind < OFFER_KINDS; kind++) {
        if (offer_names[kind] && strcmp(offer_names[kind], name) == 0) {
            offer.kind = (enum offer_kind)kind;
            return offer;
        }
    }
    offer.kind = OFFER_WORDS;
    if (!c->values || c->values(name, &offer.words) < 0) {
        fprintf(stderr, "tables: %s: nothing gives the values of '%s'\n", c->name, name);
        exit(1);
    }
    return offer;
}

void offer_free(struct offer *o)
{
    vec_free(&o->words);
}

bool first_of_its_family(const struct program *p, const struct command *const *c)
{
    size_t n = strcspn((*c)->name, " ");
    for (const struct command *const *before = p->commands; before != c; before++)
        if (strcspn((*before)->name, " ") == n && memcmp((*before)->name, (*c)->name, n) == 0)
            return false;
    return true;
}

static const struct command *find(const struct program *p, const char *name)
{
    for (const struct command *const *c = p->commands; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    fprintf(stderr, "tables: there is no command '%s'\n", name);
    exit(1);
}

static int write_man(struct buf *out, int argc, char **argv)
{
    const struct program *p = &program_berth;
    _cleanup_buf_ struct buf source = BUF_INIT(MOST);

    int r = fd_read_file(AT_FDCWD, argv[0], &source);
    if (r < 0) {
        fprintf(stderr, "tables: cannot read '%s': %s\n", argv[0], strerror(-r));
        return r;
    }
    return man_write(out, buf_cstr(&source), p, argc > 1 ? find(p, argv[1]) : NULL);
}

/* One a line, for the tests that ask for each command's page and tests. */
static void write_commands(struct buf *out, const struct program *p)
{
    for (const struct command *const *c = p->commands; *c; c++)
        buf_printf(out, "%s\n", (*c)->name);
}

int main(int argc, char **argv)
{
    _cleanup_buf_ struct buf out = BUF_INIT(MOST);
    const char *what = argc > 1 ? argv[1] : "";
    int r = 0;

    if (strcmp(what, "man") == 0 && argc > 2)
        r = write_man(&out, argc - 2, argv + 2);
    else if (strcmp(what, "bash") == 0)
        bash_write(&out, &program_berth);
    else if (strcmp(what, "zsh") == 0)
        zsh_write(&out, &program_berth);
    else if (strcmp(what, "fish") == 0)
        fish_write(&out, &program_berth);
    else if (strcmp(what, "commands") == 0)
        write_commands(&out, &program_berth);
    else
        r = -EINVAL;
    if (r == 0 && out.failed)
        r = -ENOMEM;
    if (r == 0)
        r = fd_write_all(STDOUT_FILENO, out.data, out.len);
    return r < 0;
}
