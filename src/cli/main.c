/* The front of the program: from argv to a command's run, and every answer that needs none.
 *
 * It knows the forms `PROGRAM COMMAND …`, `help COMMAND`, --help and --version, and prints usage
 * errors: one line that names the fault, one that points to the help.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/suggest.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/term.h"

enum { USUAL_WIDTH = 80, HELP_MAX = 1 << 20, FAULT_MAX = 1 << 16 };

/* Two lines on stderr. Words of the user may hold anything: nothing reaches the terminal raw. */
static int print_usage_error(const char *program, const char *command, const char *fault)
{
    _cleanup_buf_ struct buf line = BUF_INIT(FAULT_MAX);
    const char *blank = command ? " " : "";

    command = command ? command : "";
    buf_printf(&line, "%s%s%s: ", program, blank, command);
    text_escape(&line, fault, strlen(fault));
    buf_printf(&line, "\nTry '%s%s%s --help'.\n", program, blank, command);
    fwrite(line.data, 1, line.len, stderr);
    return EXIT_USAGE;
}

int command_usage_error(const struct command *c, const char *format, ...)
{
    char text[4096];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    return print_usage_error(program_invocation_short_name, c->name, text);
}

int command_output_status(int error, int status)
{
    if (error == 0)
        return status;
    if (error != -EPIPE) {
        struct err e;
        err_set(&e, -error, "write to", "standard output", NULL);
        err_print(&e, stderr);
    }
    return EXIT_NO;
}

static int show(struct buf *text)
{
    if (text->failed)
        return command_output_status(-ENOMEM, EXIT_YES);
    return command_output_status(fd_write_all(STDOUT_FILENO, text->data, text->len), EXIT_YES);
}

static struct help_style style_of_stdout(void)
{
    unsigned width = term_width(STDOUT_FILENO);
    return (struct help_style){.width = width ? width : USUAL_WIDTH,
                               .colour = term_colour(STDOUT_FILENO, TERM_AUTO)};
}

static int show_program(const struct program *p)
{
    _cleanup_buf_ struct buf text = BUF_INIT(HELP_MAX);
    help_program(&text, p, style_of_stdout());
    return show(&text);
}

static int show_command(const struct program *p, const struct command *c)
{
    _cleanup_buf_ struct buf text = BUF_INIT(HELP_MAX);
    help_command(&text, p, c, style_of_stdout());
    return show(&text);
}

static int show_family(const struct program *p, const char *first)
{
    _cleanup_buf_ struct buf text = BUF_INIT(HELP_MAX);
    help_family(&text, p, first, strlen(first), style_of_stdout());
    return show(&text);
}

static int show_version(const struct program *p)
{
    _cleanup_buf_ struct buf text = BUF_INIT(HELP_MAX);
    buf_printf(&text, "%s %s\n", p->name, p->version);
    return show(&text);
}

/* How many words of argv name this command; 0: it isn't that one. */
static int match_name(const struct command *c, int argc, char **argv)
{
    const char *at = c->name;
    int n = 0;

    for (;;) {
        size_t len = strcspn(at, " ");
        if (n == argc || strlen(argv[n]) != len || memcmp(argv[n], at, len) != 0)
            return 0;
        n++;
        if (!at[len])
            return n;
        at += len + 1;
    }
}

/* The command with the longest name that argv begins with. */
static const struct command *find_command(const struct program *p, int argc, char **argv,
                                          int *ret_used)
{
    const struct command *found = NULL;
    *ret_used = 0;
    for (const struct command *const *c = p->commands; *c; c++) {
        int used = match_name(*c, argc, argv);
        if (used > *ret_used) {
            *ret_used = used;
            found = *c;
        }
    }
    return found;
}

static bool is_family(const struct program *p, const char *word)
{
    size_t n = strlen(word);
    for (const struct command *const *c = p->commands; *c; c++)
        if (strncmp((*c)->name, word, n) == 0 && (*c)->name[n] == ' ')
            return true;
    return false;
}

/* The first word of a family's commands, where it is nearer than the command that was found. */
static void guess_family(const struct program *p, const char *word, const char **best, size_t *n)
{
    size_t typed = strlen(word);
    unsigned least = *best ? suggest_distance(word, typed, *best, *n) : SUGGEST_MAX;
    for (const struct command *const *c = p->commands; *c; c++) {
        size_t first = strcspn((*c)->name, " ");
        unsigned distance = suggest_distance(word, typed, (*c)->name, first);
        if ((*c)->name[first] && distance < least && suggest_is_near(distance, typed)) {
            least = distance;
            *best = (*c)->name;
            *n = first;
        }
    }
}

/* The known command that is nearest to the first two words, or to the first; of a family that was
 * mistyped, the family. *ret_n letters of what is returned. */
static const char *guess_command(const struct program *p, int argc, char **argv, size_t *ret_n)
{
    _cleanup_buf_ struct buf two = BUF_INIT(256);
    struct suggest one = suggest_start(argv[0], strlen(argv[0]));

    buf_printf(&two, "%s %s", argv[0], argc > 1 ? argv[1] : "");
    struct suggest both = suggest_start(two.data, two.failed || argc < 2 ? 0 : two.len);
    for (const struct command *const *c = p->commands; *c; c++) {
        if (strchr((*c)->name, ' '))
            suggest_offer(&both, (*c)->name);
        else
            suggest_offer(&one, (*c)->name);
    }
    suggest_offer(&one, "help");
    const char *best = suggest_best(&both), *first = suggest_best(&one);
    if (!best)
        best = first;
    *ret_n = best ? strlen(best) : 0;
    if (best == first && !is_family(p, argv[0]))
        guess_family(p, argv[0], &best, ret_n);
    return best;
}

static int fault_command(const struct program *p, int argc, char **argv)
{
    _cleanup_buf_ struct buf fault = BUF_INIT(FAULT_MAX);
    bool family = is_family(p, argv[0]);
    const char *meant = NULL;
    size_t n = 0;

    if (!family || argc > 1)
        meant = guess_command(p, argc, argv, &n);
    if (family && argc < 2)
        buf_printf(&fault, "'%s' needs one more word to be a command", argv[0]);
    else if (family)
        buf_printf(&fault, "there is no command '%s %s'", argv[0], argv[1]);
    else
        buf_printf(&fault, "there is no command '%s'", argv[0]);
    if (meant)
        buf_printf(&fault, "; did you mean '%.*s'?", (int)n, meant);
    return print_usage_error(p->name, family ? argv[0] : NULL, buf_cstr(&fault));
}

/* An option before any command. */
static int fault_option(const struct program *p, const char *word)
{
    static const char *const known[] = {"--help", "--version"};
    _cleanup_buf_ struct buf fault = BUF_INIT(FAULT_MAX);
    struct suggest s = suggest_start(word, strlen(word));

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        suggest_offer(&s, known[i]);
    const char *meant = suggest_best(&s);
    buf_printf(&fault, "there is no option '%s' before a command", word);
    if (meant)
        buf_printf(&fault, "; did you mean '%s'?", meant);
    else
        buf_str(&fault, ": a command comes first, its options after it");
    return print_usage_error(p->name, NULL, buf_cstr(&fault));
}

static bool wants_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int help_main(const struct program *p, int argc, char **argv)
{
    int used;

    if (argc == 0 || wants_help(argv[0]))
        return show_program(p);
    const struct command *c = find_command(p, argc, argv, &used);
    if (c && used == argc)
        return show_command(p, c);
    if (argc == 1 && is_family(p, argv[0]))
        return show_family(p, argv[0]);
    return fault_command(p, argc, argv);
}

static int run_own_words(const struct command *c, int argc, char **argv)
{
    const struct command_words words = {.words = argv, .n = argc};
    return c->run(NULL, &words);
}

/* The old tongue that the program was called by, through a link of that name. */
static const struct command *called_as(const struct program *p, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    for (const struct command *const *c = p->commands; *c; c++)
        if ((*c)->own_words && strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

static int run_command(const struct program *p, const struct command *c, int argc, char **argv)
{
    _cleanup_buf_ struct buf fault = BUF_INIT(FAULT_MAX);
    void *arguments = calloc(1, c->arguments_size + 1);
    struct command_words words = {.words = calloc((size_t)argc + 1, sizeof(char *))};
    int status;

    if (!arguments || !words.words) {
        free(arguments);
        free(words.words);
        return command_output_status(-ENOMEM, EXIT_NO);
    }
    if (c->defaults)
        memcpy(arguments, c->defaults, c->arguments_size);
    int outcome = options_parse(c, argc, argv, arguments, &words, &fault);
    if (outcome == OPTIONS_RUN)
        status = c->run(arguments, &words);
    else if (outcome == OPTIONS_HELP)
        status = show_command(p, c);
    else
        status = print_usage_error(p->name, c->name, buf_cstr(&fault));
    options_release(c, arguments);
    free(arguments);
    free(words.words);
    return status;
}

/* A closed standard descriptor would go to the next socket opened, and output into that socket:
 * fill the gap with something that fails in the same way when it is used. */
static void fill_standard_fds(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int command_main(const struct program *p, int argc, char **argv)
{
    int used;

    fill_standard_fds();
    const struct command *tongue = argc > 0 ? called_as(p, argv[0]) : NULL;
    if (tongue)
        return run_own_words(tongue, argc - 1, argv + 1);
    if (argc < 2 || wants_help(argv[1]))
        return show_program(p);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        return show_version(p);
    argc--;
    argv++;
    if (strcmp(argv[0], "help") == 0)
        return help_main(p, argc - 1, argv + 1);
    if (argv[0][0] == '-')
        return fault_option(p, argv[0]);
    const struct command *c = find_command(p, argc, argv, &used);
    if (c && c->own_words)
        return run_own_words(c, argc - used, argv + used);
    if (c)
        return run_command(p, c, argc - used, argv + used);
    if (argc > 1 && is_family(p, argv[0]) && wants_help(argv[1]))
        return show_family(p, argv[0]);
    return fault_command(p, argc, argv);
}
