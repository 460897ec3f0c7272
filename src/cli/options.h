/* Reading a command line by its table, and walking the table. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "cli/command.h"

struct buf;

/* A walk over all rows of a table, those of included tables in their place. */
struct option_walk {
    const struct command_option *at;   /* the next row */
    const struct command_option *back; /* where to go on after an included table; NULL outside */
    size_t base;                       /* offset of the included table's struct */
    const char *group;                 /* the heading that the row just given stands under */
};

struct option_walk option_walk_start(const struct command_option *table);
/* The next option; NULL at the end. ret_field (may be NULL): the offset of its field in the whole
 * struct. */
const struct command_option *option_walk_next(struct option_walk *w, size_t *ret_field);

bool option_takes_value(const struct command_option *o); /* it may or must */

enum options_outcome { OPTIONS_RUN, OPTIONS_HELP };

/* Reads argv[0 … argc) (the words after the command's name) into *arguments, which holds the
 * defaults already. Words go to words->words, an array of at least argc given by the caller; they
 * point into argv.
 *
 * Returns OPTIONS_RUN, OPTIONS_HELP when --help stands where an option may stand, or -EINVAL with
 * what is wrong in *fault: one clause that quotes the user's word. -ENOMEM likewise. What was set
 * in *arguments until then must be released with options_release in all cases. */
int options_parse(const struct command *c, int argc, char **argv, void *arguments,
                  struct command_words *words, struct buf *fault);
/* Frees the lists of OPTION_TEXTS. */
void options_release(const struct command *c, void *arguments);
