/* Command lines read by tables: every form of an option, and every mistake with its words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/suggest.h"
#include "base/vec.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/options.h"

struct shared {
    bool json;
    int colour;
};

struct arguments {
    bool numeric, resolve;
    int via;
    const char *columns, *save;
    struct vec kinds;
    uint64_t top, wait, size;
    struct shared shared;
};

static const char *const colours[] = {"auto", "always", "never", NULL};
static const struct command_option shared_options[] = {
    {.name = "json",
     .type = OPTION_FLAG,
     .field = offsetof(struct shared, json),
     .group = "Output",
     .help = "write JSON"},
    {.name = "colour",
     .type = OPTION_CHOICE,
     .field = offsetof(struct shared, colour),
     .choices = colours,
     .optional = true,
     .value = 1,
     .help = "colour it"},
    {0},
};

#define FIELD(member) .field = offsetof(struct arguments, member)
static const struct command_option options[] = {
    {.name = "numeric", .letter = 'n', FIELD(numeric), .help = "numbers only"},
    {.name = "resolve", .letter = 'r', .negatable = true, FIELD(resolve), .help = "names"},
    {.name = "bpf", FIELD(via), .value = 7, .negatable = true, .help = "by BPF"},
    {.name = "columns",
     .letter = 'o',
     .type = OPTION_TEXT,
     FIELD(columns),
     .metavar = "LIST",
     .help = "the columns to show, in this order, separated by commas, as many as there are"},
    {.type = OPTION_TABLE, FIELD(shared), .table = shared_options},
    {.name = "save",
     .letter = 's',
     .type = OPTION_TEXT,
     .optional = true,
     FIELD(save),
     .metavar = "FILE",
     .help = "save it"},
    {.name = "kind",
     .letter = 'k',
     .type = OPTION_TEXTS,
     FIELD(kinds),
     .metavar = "KIND",
     .help = "kinds"},
    {.name = "top",
     .type = OPTION_UINT,
     FIELD(top),
     .min = 1,
     .max = 100,
     .metavar = "N",
     .help = "the first few"},
    {.name = "wait", .type = OPTION_DURATION, FIELD(wait), .metavar = "TIME", .help = "wait"},
    {.name = "size", .type = OPTION_SIZE, FIELD(size), .metavar = "SIZE", .help = "bytes"},
    {.name = "secret", FIELD(numeric), .hidden = true, .help = "not shown"},
    {0},
};

static const struct command command_any = {
    .name = "any",
    .summary = "does anything",
    .usage = "[WORD…]",
    .description = "One paragraph.\n\nAnother one.",
    .options = options,
    .arguments_size = sizeof(struct arguments),
    .max_words = -1,
};

enum { MOST = 16 };

/* One reading of a command line. */
struct reading {
    struct arguments arguments;
    char *word_list[MOST];
    struct command_words words;
    struct buf fault;
    int outcome;
    const struct command *command;
};

static void reading_end(struct reading *r)
{
    options_release(r->command, &r->arguments);
    buf_free(&r->fault);
}
#define _cleanup_reading_ __attribute__((cleanup(reading_end)))

/* Literals as main would get them: nobody writes to them. */
#define ARGV(...) ((char **)(uintptr_t)(const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static struct reading read_by(const struct command *c, char **argv)
{
    struct reading r = {.fault = BUF_INIT(4096), .command = c};
    int argc = 0;

    while (argv[argc])
        argc++;
    r.words.words = r.word_list;
    r.outcome = options_parse(c, argc, argv, &r.arguments, &r.words, &r.fault);
    /* The array moves with the struct. */
    r.words.words = NULL;
    return r;
}
#define READ(...) read_by(&command_any, ARGV(__VA_ARGS__))
#define assert_fault(text, ...)                                      \
    do {                                                             \
        _cleanup_reading_ struct reading faulty = READ(__VA_ARGS__); \
        assert_int_equal(faulty.outcome, -EINVAL);                   \
        assert_string_equal(buf_cstr(&faulty.fault), text);          \
    } while (0)

static void test_forms(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading r = READ("-nr", "a", "--columns", "x,y", "-s", "b", "-",
                                              "--wait=1.5s", "--size", "2k", "--", "-n", "--top");
    assert_int_equal(r.outcome, OPTIONS_RUN);
    assert_true(r.arguments.numeric);
    assert_true(r.arguments.resolve);
    assert_string_equal(r.arguments.columns, "x,y");
    assert_string_equal(r.arguments.save, "");
    assert_int_equal(r.arguments.wait, 1500000000);
    assert_int_equal(r.arguments.size, 2048);
    assert_int_equal(r.words.n, 5);
    assert_string_equal(r.word_list[0], "a");
    assert_string_equal(r.word_list[1], "b");
    assert_string_equal(r.word_list[2], "-");
    assert_string_equal(r.word_list[3], "-n");
    assert_string_equal(r.word_list[4], "--top");
}

static void test_attached_values(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading r = READ("-nox,y", "-sfile", "--top=100", "-o=z");
    assert_int_equal(r.outcome, OPTIONS_RUN);
    assert_true(r.arguments.numeric);
    assert_string_equal(r.arguments.columns, "=z"); /* as getopt(3) has it */
    assert_string_equal(r.arguments.save, "file");
    assert_int_equal(r.arguments.top, 100);
}

static void test_value_may_look_like_an_option(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading r = READ("-o", "-recv_q");
    assert_int_equal(r.outcome, OPTIONS_RUN);
    assert_string_equal(r.arguments.columns, "-recv_q");
}

static void test_last_one_counts_and_lists_grow(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading r =
        READ("-ktcp", "--top=1", "--kind", "udp", "--top=2", "--bpf", "--resolve", "--no-resolve");
    assert_int_equal(r.outcome, OPTIONS_RUN);
    assert_int_equal(r.arguments.top, 2);
    assert_int_equal(r.arguments.via, 7);
    assert_false(r.arguments.resolve);
    assert_int_equal(r.arguments.kinds.len, 2);
    assert_string_equal(*(const char **)vec_at(&r.arguments.kinds, 1), "udp");
    _cleanup_reading_ struct reading no = READ("--bpf", "--no-bpf");
    assert_int_equal(no.arguments.via, 0);
}

static void test_included_table(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading r = READ("--json", "--colour", "--top", "5");
    assert_int_equal(r.outcome, OPTIONS_RUN);
    assert_true(r.arguments.shared.json);
    assert_int_equal(r.arguments.shared.colour, 1);
    assert_int_equal(r.arguments.top, 5); /* the rows after the included ones */
    _cleanup_reading_ struct reading never = READ("--colour=never");
    assert_int_equal(never.arguments.shared.colour, 2);
}

static void test_help(void **state)
{
    (void)state;
    static const char *const ways[] = {"--help", "-h", "-nh"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        _cleanup_reading_ struct reading r = READ(ways[i]);
        assert_int_equal(r.outcome, OPTIONS_HELP);
    }
    _cleanup_reading_ struct reading word = READ("--", "--help");
    assert_int_equal(word.outcome, OPTIONS_RUN);
}

static void test_faults(void **state)
{
    (void)state;
    assert_fault("there is no option '--colums'; did you mean '--columns'?", "--colums=x");
    assert_fault("there is no option '--col'; did you mean '--columns'?", "--col");
    assert_fault("there is no option '--frobnicate'", "--frobnicate");
    assert_fault("there is no option '--no-numeric'; did you mean '--numeric'?", "--no-numeric");
    assert_fault("there is no option '-x' (in '-nx')", "-nx");
    assert_fault("there is no option '-j'; did you mean '--json'?", "-json");
    assert_fault("there is no option '-é'", "-é");
    assert_fault("--json takes no value", "--json=yes");
    assert_fault("-o needs a value: -o LIST", "-o");
    assert_fault("--top wants a number from 1 to 100, not '0'", "--top=0");
    assert_fault("--top wants a number from 1 to 100, not '1x'", "--top", "1x");
    assert_fault("--wait wants a time such as 500ms, 2s or 3m, not '2y'", "--wait=2y");
    assert_fault("--size wants a size such as 512, 64k or 1M, not ''", "--size=");
    assert_fault("--colour wants auto, always or never, not 'no'", "--colour=no");
}

static void test_word_counts(void **state)
{
    (void)state;
    struct command one = command_any;

    one.min_words = one.max_words = 1;
    one.usage = "PORT";
    _cleanup_reading_ struct reading few = read_by(&one, ARGV("-n"));
    assert_int_equal(few.outcome, -EINVAL);
    assert_string_equal(buf_cstr(&few.fault), "a word is missing: any PORT");
    _cleanup_reading_ struct reading many = read_by(&one, ARGV("a", "b"));
    assert_int_equal(many.outcome, -EINVAL);
    assert_string_equal(buf_cstr(&many.fault), "'b' is one word too many");
}

static void test_words_end_options(void **state)
{
    (void)state;
    struct command exec = command_any;

    exec.words_end_options = true;
    _cleanup_reading_ struct reading r = read_by(&exec, ARGV("-n", "ls", "-r"));
    assert_int_equal(r.outcome, OPTIONS_RUN);
    assert_true(r.arguments.numeric);
    assert_false(r.arguments.resolve);
    assert_int_equal(r.words.n, 2);
}

static void test_suggest(void **state)
{
    (void)state;
    assert_int_equal(suggest_distance("list", 4, "list", 4), 0);
    assert_int_equal(suggest_distance("lsit", 4, "list", 4), 1); /* a swap is one mistake */
    assert_int_equal(suggest_distance("", 0, "list", 4), 4);
    assert_int_equal(suggest_distance("kitten", 6, "sitting", 7), 3);

    char long_word[200];
    memset(long_word, 'a', sizeof long_word);
    struct suggest s = suggest_start(long_word, sizeof long_word);
    suggest_offer(&s, "list");
    assert_null(suggest_best(&s));

    s = suggest_start("fre", 3);
    suggest_offer(&s, "who");
    assert_null(suggest_best(&s));
    suggest_offer(&s, "free");
    assert_string_equal(suggest_best(&s), "free");
}

static int run_nothing(const void *arguments, const struct command_words *words)
{
    (void)arguments;
    (void)words;
    return EXIT_YES;
}

/* No line is wider than the page, options stand under their headings, hidden ones nowhere. */
static void test_help_text(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 16);
    const struct command *const list[] = {&command_any, NULL};
    struct program p = {.name = "prog", .version = "1", .summary = "does", .commands = list};

    help_command(&text, &p, &command_any, (struct help_style){.width = 60});
    const char *all = buf_cstr(&text);
    assert_non_null(strstr(all, "Usage: prog any [OPTION…] [WORD…]\n"));
    assert_non_null(strstr(all, "\nOne paragraph.\n\nAnother one.\n"));
    assert_non_null(strstr(all, "\nOutput:\n      --json "));
    assert_non_null(strstr(all, "--[no-]resolve"));
    assert_non_null(strstr(all, "--colour[=auto|always|never]"));
    assert_non_null(strstr(all, "-s, --save[=FILE]"));
    assert_null(strstr(all, "secret"));
    assert_null(strchr(all, '\033'));
    for (const char *line = all; *line;) {
        size_t n = strcspn(line, "\n");
        assert_true(n <= 64); /* bytes: an ellipsis takes three */
        line += n + (line[n] == '\n');
    }
    buf_clear(&text);
    help_command(&text, &p, &command_any, (struct help_style){.width = 60, .colour = true});
    assert_non_null(strstr(buf_cstr(&text), "\033[36m"));
}

/* What a command of the test program was called with. */
static int run_count(const void *arguments, const struct command_words *words)
{
    (void)arguments;
    return 40 + words->n;
}

static int count_own_words(const void *arguments, const struct command_words *words)
{
    assert_null(arguments);
    assert_string_equal(words->words[0], "--help");
    return 50 + words->n;
}

static void test_an_old_tongue_reads_its_own_words(void **state)
{
    (void)state;
    static const struct command nc = {
        .name = "nc", .summary = "s", .usage = "", .own_words = true, .run = count_own_words};
    static const struct command *const commands[] = {&nc, NULL};
    const struct program p = {.name = "prog", .version = "1", .summary = "s", .commands = commands};
    assert_int_equal(command_main(&p, 4, ARGV("prog", "nc", "--help", "-x")), 52);
    assert_int_equal(command_main(&p, 3, ARGV("/usr/bin/nc", "--help", "-x")), 52);
}

static void test_names_of_two_words(void **state)
{
    (void)state;
    static const struct command explain_bind = {
        .name = "explain bind", .summary = "says", .max_words = -1, .run = run_count};
    static const struct command list_command = {
        .name = "list", .summary = "lists", .run = run_nothing};
    static const struct command *const list[] = {&list_command, &explain_bind, NULL};
    struct program p = {.name = "prog", .version = "1", .summary = "does", .commands = list};

    assert_int_equal(command_main(&p, 3, ARGV("prog", "explain", "bind")), 40);
    assert_int_equal(command_main(&p, 4, ARGV("prog", "explain", "bind", "x")), 41);
    assert_int_equal(command_main(&p, 2, ARGV("prog", "list")), EXIT_YES);
    assert_int_equal(command_main(&p, 2, ARGV("prog", "explain")), EXIT_USAGE);
    assert_int_equal(command_main(&p, 3, ARGV("prog", "explain", "bnd")), EXIT_USAGE);
    assert_int_equal(command_main(&p, 3, ARGV("prog", "help", "explain")), EXIT_YES);
    assert_int_equal(command_main(&p, 3, ARGV("prog", "explain", "--help")), EXIT_YES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_attached_values),
        cmocka_unit_test(test_value_may_look_like_an_option),
        cmocka_unit_test(test_last_one_counts_and_lists_grow),
        cmocka_unit_test(test_included_table),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_word_counts),
        cmocka_unit_test(test_words_end_options),
        cmocka_unit_test(test_suggest),
        cmocka_unit_test(test_help_text),
        cmocka_unit_test(test_an_old_tongue_reads_its_own_words),
        cmocka_unit_test(test_names_of_two_words),
    };
    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
