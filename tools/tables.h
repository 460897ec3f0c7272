/* Build-time writers of what is made from the tables of commands: OPTIONS of the man pages, and
 * the shells' completions. None of this is part of the program. */
#pragma once
#include "base/vec.h"
#include "cli/command.h"

struct buf;

/* Fills the placeholders of one page's source (see man.c); command NULL: the program's own page.
 * 0, or -EINVAL after a message on stderr. */
int man_write(struct buf *out, const char *source, const struct program *p,
              const struct command *command);

void bash_write(struct buf *out, const struct program *p);
void zsh_write(struct buf *out, const struct program *p);
void fish_write(struct buf *out, const struct program *p);

/* Is this the first of the commands that begin with its first word? */
bool first_of_its_family(const struct program *p, const struct command *const *c);

/* What completes a value. */
enum offer_kind {
    OFFER_NOTHING,
    OFFER_FILE,
    OFFER_DIRECTORY,
    OFFER_COMMAND,
    OFFER_USER,
    OFFER_DEVICE,
    OFFER_PID,
    OFFER_SERVICE,
    OFFER_NETNS, /* those with a name: any may be given by a pid */
    OFFER_WORDS, /* those in `words` */
    OFFER_KINDS
};

struct offer {
    enum offer_kind kind;
    bool list;        /* several of them, separated by commas */
    struct vec words; /* const char *; owned */
};

/* What to offer for `completes` or `choices` of a command; ends the program where a command names
 * values that it doesn't have: a mistake of the table, to be seen at build time. */
struct offer offer_of(const struct command *c, const char *completes, const char *const *choices);
void offer_free(struct offer *o);
