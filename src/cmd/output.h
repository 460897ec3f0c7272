/* Output of every command that writes rows: its options, and the way from there to a renderer.
 *
 * A command puts a struct output_arguments into its arguments and OUTPUT_OPTIONS into its option
 * table, opens an output with its columns, gives it rows, and returns what output_close says.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/out.h"
#include "cli/command.h"
#include "render/pager.h"
#include "render/render.h"

struct output_arguments {
    bool json, jsonl, csv;
    bool no_header;
    bool pager;
    const char *columns; /* NULL: the command's own choice */
    int colour;          /* enum render_colour */
};

extern const char *const output_colour_choices[];

/* Rows of an option table whose arguments' struct has a member `output`. */
#define OUTPUT_OPTIONS(arguments)                                                            \
    {.name = "json",                                                                         \
     .letter = 'j',                                                                          \
     .field = offsetof(arguments, output.json),                                              \
     .group = "Output",                                                                      \
     .help = "one JSON array of objects"},                                                   \
        {.name = "jsonl",                                                                    \
         .field = offsetof(arguments, output.jsonl),                                         \
         .help = "one JSON object a line"},                                                  \
        {.name = "csv",                                                                      \
         .field = offsetof(arguments, output.csv),                                           \
         .help = "comma-separated values with a header"},                                    \
        {.name = "columns",                                                                  \
         .letter = 'o',                                                                      \
         .type = OPTION_TEXT,                                                                \
         .field = offsetof(arguments, output.columns),                                       \
         .metavar = "LIST",                                                                  \
         .completes = "columns,",                                                            \
         .help = "columns to show, by name; +NAME adds to the usual ones; help lists them"}, \
        {.name = "no-header",                                                                \
         .field = offsetof(arguments, output.no_header),                                     \
         .help = "no heading line in tables and CSV"},                                       \
        {.name = "pager",                                                                    \
         .field = offsetof(arguments, output.pager),                                         \
         .help = "show through $PAGER, on a terminal"},                                      \
        {.name = "color",                                                                    \
         .type = OPTION_CHOICE,                                                              \
         .field = offsetof(arguments, output.colour),                                        \
         .metavar = "WHEN",                                                                  \
         .choices = output_colour_choices,                                                   \
         .help = "colours: auto, always or never"},

struct output {
    struct out out;
    struct pager pager;
    struct render_options options;
};

#define _cleanup_output_ __attribute__((cleanup(output_clear)))

/* Format, terminal and pager as the options and stdout have it. 0, or an exit status after a
 * message. */
int output_open(struct output *o, const struct command *c, const struct output_arguments *a);

/* Words, that stand in the output's buffer from `start` on, broken to the width of a terminal. */
void output_wrap(struct output *o, size_t start);

/* The columns that -o names, or the defaults. *ret has room for n_all; -o help prints the columns
 * and leaves *ret_n 0. 0, or EXIT_USAGE after a message. */
int output_choose(struct output *o, const struct command *c, const char *list,
                  const struct render_column *all, size_t n_all, const char *defaults,
                  const struct render_column **ret, size_t *ret_n);

/* A usage error that quotes the n bytes at word behind `fault`, and names the column that was
 * probably meant. */
int output_unknown_column(const struct command *c, const char *fault,
                          const struct render_column *all, size_t n_all, const char *word,
                          size_t n);

/* For a command that needs a word, but not to describe its columns: 0, or EXIT_USAGE after a
 * message where there is none. */
int output_need_word(const struct command *c, const struct output_arguments *a,
                     const struct command_words *words);

/* The keys of columns, as a command's `values` gives them. 0 or -ENOMEM. */
int output_column_values(const struct render_column *all, size_t n_all, struct vec *ret);

/* Flushes, waits for the pager; status is what the command would return. A reader that went away is
 * no failure; any other failed write is told, and gives EXIT_NO. */
int output_close(struct output *o, int status);
void output_clear(struct output *o);
