/* The help texts, made from the tables. */
#pragma once
#include <stdbool.h>

#include "cli/command.h"

struct buf;

struct help_style {
    unsigned width; /* columns to fit in */
    bool colour;
};

/* All commands, under their groups. */
void help_program(struct buf *out, const struct program *p, struct help_style style);
/* The commands of two words whose first is `first` (n letters). */
void help_family(struct buf *out, const struct program *p, const char *first, size_t n,
                 struct help_style style);
void help_command(struct buf *out, const struct program *p, const struct command *c,
                  struct help_style style);

/* What stands for an option's value: its metavar, or "A|B|C" of its choices; appends nothing for a
 * flag. */
void help_value(struct buf *out, const struct command_option *o);
