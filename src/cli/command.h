/* Commands and their options as const tables.
 *
 * One table gives the parsing, --help, the OPTIONS part of the man page and the shells'
 * completions. This folder knows how to read such tables; it names no command.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vec;

/* Exit statuses of every native command. */
enum {
    EXIT_YES = 0,
    EXIT_NO = 1, /* failed, or the answer is no */
    EXIT_USAGE = 2,
    EXIT_PERMISSION = 3 /* can't tell, or can't do, for lack of permission */
};

/* What an option's value is, and what lies at its field. Where an option is given twice the last
 * one counts, but for OPTION_TEXTS. */
enum option_type {
    OPTION_FLAG,     /* bool, set true; or where `value` is not 0 an int, set to it */
    OPTION_TEXT,     /* const char *, a word of argv */
    OPTION_TEXTS,    /* struct vec of const char *, one more each time; freed after run */
    OPTION_UINT,     /* uint64_t within min … max */
    OPTION_DURATION, /* uint64_t, nanoseconds */
    OPTION_SIZE,     /* uint64_t, bytes */
    OPTION_CHOICE,   /* int: the index in `choices` */
    OPTION_TABLE,    /* not an option: the rows of `table`, whose struct lies at the field */
    OPTION_TYPES
};

struct command_option {
    const char *name; /* long, without dashes; in a row without a name (but OPTION_TABLE) it ends */
    char letter;      /* 0: none. 'h' is --help unless the table has an h of its own */
    enum option_type type;
    size_t field;               /* offset in the arguments' struct */
    int value;                  /* OPTION_FLAG: see there; with `optional`: see there */
    const char *metavar;        /* "FILE"; NULL for flags, and for choices that may be listed */
    const char *help;           /* one line, lower case, no full stop */
    uint64_t min, max;          /* OPTION_UINT; max 0: no limit */
    const char *const *choices; /* NULL-terminated */
    /* What shells offer for the value: "file", "directory", "command", "user", "device", "pid",
     * "service", "netns", or a name that the command's `values` knows; with a comma at its end it's
     * a list of such, separated by commas. NULL: nothing (choices are offered by themselves). */
    const char *completes;
    const char *group; /* heading in --help from this row on; NULL: as before */
    /* The value may be missing, and is given as --name=VALUE or -xVALUE only. Missing, a choice
     * and a number take `value`, a text becomes "". */
    bool optional;
    bool negatable;                     /* OPTION_FLAG: --no-NAME sets false or 0 */
    bool hidden;                        /* parsed, shown nowhere */
    const struct command_option *table; /* OPTION_TABLE; only one level deep */
};

/* Common to each command: the words that aren't options. */
struct command_words {
    char **words;
    int n;
};

struct command {
    const char *name;        /* "list"; two words are one name with a blank: "explain bind" */
    const char *group;       /* heading in `berth help`; commands of a group stand together */
    const char *summary;     /* one line, lower case */
    const char *usage;       /* the words after the options: "[FILTER…]" */
    const char *description; /* paragraphs for --help and the man page, an empty line between */
    const struct command_option *options; /* may be NULL */
    size_t arguments_size;                /* of the struct that the options' fields lie in */
    const void *defaults;                 /* a const value of that struct, or NULL for zeroes */
    int min_words, max_words;             /* max −1: any number */
    bool words_end_options;               /* what follows the first word are words, dashes or not */
    /* An old tongue, which reads its own command line: all that follows its name comes as words,
     * and the program answers to this name as argv[0] too. Without options of ours; its page
     * describes them by itself. */
    bool own_words;
    const char *completes; /* for the words, as in struct command_option */
    /* For completion, at build time: appends the words (const char *, static) that stand for
     * `what`; 0, -ENOENT for an unknown `what`, or -ENOMEM. May be NULL. */
    int (*values)(const char *what, struct vec *ret);
    /* Returns the exit status. */
    int (*run)(const void *arguments, const struct command_words *words);
};

/* The whole program, as commands.c describes it. */
struct program {
    const char *name, *version, *summary;
    const struct command *const *commands; /* NULL ends the table */
};
extern const struct program program_berth; /* src/commands.c */

/* What main does: finds the command, parses, runs; handles --help, --version, mistakes. */
int command_main(const struct program *p, int argc, char **argv);

/* A usage error with its pointer to --help on stderr; returns EXIT_USAGE. */
int command_usage_error(const struct command *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The exit status after the last flush of stdout, whose result (0 or a negative errno) is `error`:
 * `status` where all is written; EXIT_NO with a message otherwise, without one where the reader
 * went away. */
int command_output_status(int error, int status);
