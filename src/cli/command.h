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

enum option_type {
    OPTION_FLAG,     /* bool, set true (or `value` where `value` is not 0, then int) */
    OPTION_TEXT,     /* const char * */
    OPTION_TEXTS,    /* struct vec of const char *, one more each time */
    OPTION_UINT,     /* uint64_t within min … max */
    OPTION_DURATION, /* uint64_t, nanoseconds */
    OPTION_SIZE,     /* uint64_t, bytes */
    OPTION_CHOICE,   /* int: the index in `choices` */
    OPTION_TYPES
};

struct command_option {
    const char *name; /* long, without dashes; NULL ends the table */
    char letter;      /* 0: none */
    enum option_type type;
    size_t field; /* offset in the arguments' struct */
    int value;    /* OPTION_FLAG: see there */
    const char *metavar;
    const char *help; /* one line, lower case, no full stop */
    uint64_t min, max;
    const char *const *choices; /* NULL-terminated */
    const char *completes;      /* what shells offer for the value: "file", "columns" … or NULL */
    const char *group;          /* heading in --help from this row on; NULL: as before */
    bool optional;              /* the value may be missing (--color[=WHEN]) */
};

/* Common to each command: the words that aren't options. */
struct command_words {
    char **words;
    int n;
};

struct command {
    const char *name;
    const char *summary;     /* one line, lower case */
    const char *usage;       /* the words after the options: "[FILTER…]" */
    const char *description; /* a paragraph for --help and the man page */
    const struct command_option *options;
    size_t arguments_size;    /* of the struct that the options' fields lie in */
    const void *defaults;     /* a const value of that struct, or NULL for zeroes */
    int min_words, max_words; /* max −1: any number */
    /* Returns the exit status. */
    int (*run)(const void *arguments, const struct command_words *words);
};

/* The whole program, as commands.c describes it. */
struct program {
    const char *name, *version, *summary;
    const struct command *const *commands;
    size_t n_commands;
};
extern const struct program program_berth; /* src/commands.c */

/* What main does: finds the command, parses, runs; handles --help, --version, mistakes. */
int command_main(const struct program *p, int argc, char **argv);

/* A usage error with its pointer to --help on stderr; returns EXIT_USAGE. */
int command_usage_error(const struct command *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
