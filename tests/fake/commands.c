/* A table of commands with an option of every kind, to try what is made from tables: see
 * tests/cli/test_completion.py. It does nothing but print what it was given.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/vec.h"
#include "cli/command.h"

struct fake_output {
    bool json;
};

struct fake_arguments {
    bool numeric, resolve;
    const char *columns, *file, *device, *user, *save, *netns;
    uint64_t top;
    int colour;
    struct fake_output output;
};

#define FIELD(member) .field = offsetof(struct fake_arguments, member)

static const char *const colours[] = {"auto", "always", "never", NULL};

static const struct command_option output_options[] = {
    {.name = "json",
     .letter = 'j',
     .group = "Output",
     .field = offsetof(struct fake_output, json),
     .help = "write [JSON]: it's the user's"},
    {0},
};

static const struct command_option list_options[] = {
    {.name = "numeric", .letter = 'n', FIELD(numeric), .help = "numbers only"},
    {.name = "resolve", .negatable = true, FIELD(resolve), .help = "names too"},
    {.name = "columns",
     .letter = 'o',
     .type = OPTION_TEXT,
     FIELD(columns),
     .metavar = "LIST",
     .completes = "columns,",
     .help = "what to show"},
    {.name = "file",
     .letter = 'F',
     .type = OPTION_TEXT,
     FIELD(file),
     .metavar = "FILE",
     .completes = "file",
     .help = "read it from there"},
    {.name = "device",
     .type = OPTION_TEXT,
     FIELD(device),
     .metavar = "DEVICE",
     .completes = "device",
     .help = "only there"},
    {.name = "netns",
     .type = OPTION_TEXT,
     FIELD(netns),
     .metavar = "NETNS",
     .completes = "netns",
     .help = "there"},
    {.name = "user",
     .type = OPTION_TEXT,
     FIELD(user),
     .metavar = "USER",
     .completes = "user",
     .help = "only his"},
    {.name = "save",
     .type = OPTION_TEXT,
     .optional = true,
     FIELD(save),
     .metavar = "FILE",
     .completes = "file",
     .help = "keep it"},
    {.name = "top",
     .type = OPTION_UINT,
     FIELD(top),
     .min = 1,
     .max = 99,
     .metavar = "N",
     .help = "the first"},
    {.name = "color",
     .type = OPTION_CHOICE,
     FIELD(colour),
     .choices = colours,
     .optional = true,
     .help = "colours"},
    {.type = OPTION_TABLE, FIELD(output), .table = output_options},
    {.name = "secret", FIELD(numeric), .hidden = true, .help = "hidden"},
    {0},
};

static int add_all(struct vec *ret, const char *const *words)
{
    for (; *words; words++)
        if (vec_add(ret, words) < 0)
            return -ENOMEM;
    return 0;
}

static int list_values(const char *what, struct vec *ret)
{
    static const char *const columns[] = {"local", "peer", "pid", NULL};
    static const char *const filters[] = {"listening", "established", NULL};

    if (strcmp(what, "columns") == 0)
        return add_all(ret, columns);
    if (strcmp(what, "filter") == 0)
        return add_all(ret, filters);
    return -ENOENT;
}

static int run(const void *arguments, const struct command_words *words)
{
    const struct fake_arguments *a = arguments;

    printf("numeric=%d resolve=%d columns=%s top=%" PRIu64, a->numeric, a->resolve,
           a->columns ? a->columns : "-", a->top);
    for (int i = 0; i < words->n; i++)
        printf(" [%s]", words->words[i]);
    printf("\n");
    return EXIT_YES;
}

static const struct fake_arguments list_defaults = {.top = 7};

static const struct command command_list = {
    .name = "list",
    .group = "See",
    .summary = "shows sockets - all of them",
    .usage = "[FILTER…]",
    .description = "Shows what's there.\n\n.TH is no request here, nor is \\fB an escape.",
    .options = list_options,
    .arguments_size = sizeof(struct fake_arguments),
    .defaults = &list_defaults,
    .max_words = -1,
    .completes = "filter",
    .values = list_values,
    .run = run,
};

static const struct command command_explain_bind = {
    .name = "explain bind",
    .group = "Explain",
    .summary = "says why a bind fails",
    .usage = "PROGRAM [WORD…]",
    .options = list_options,
    .arguments_size = sizeof(struct fake_arguments),
    .min_words = 1,
    .max_words = 2,
    .words_end_options = true,
    .completes = "file",
    .values = list_values,
    .run = run,
};

static const struct command command_explain_connect;

static int refuse(const void *arguments, const struct command_words *words)
{
    (void)arguments;
    return command_usage_error(&command_explain_connect, "'%s' is not good", words->words[0]);
}

static const struct command command_explain_connect = {
    .name = "explain connect",
    .group = "Explain",
    .summary = "says why a connect fails",
    .usage = "ENDPOINT",
    .min_words = 1,
    .max_words = 1,
    .run = refuse,
};

static const struct command *const fake_table[] = {
    &command_list,
    &command_explain_bind,
    &command_explain_connect,
    NULL,
};

const struct program program_berth = {
    .name = "berth",
    .version = "9.9",
    .summary = "pretends",
    .commands = fake_table,
};
