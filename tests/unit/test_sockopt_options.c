#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buf.h"
#include "cli/options.h"
#include "cmd/sockopt_options.h"

struct arguments {
    struct sockopt_arguments options;
};

static const struct command_option table[] = {SOCKOPT_OPTIONS(struct arguments){0}};
static const struct command command = {
    .name = "open", .options = table, .arguments_size = sizeof(struct arguments)};

static int read_line(const char *const *words, struct sockopt_set *ret, bool *ret_mptcp)
{
    char copies[8][64], *argv[8], *rest[8];
    struct arguments a = {0};
    struct command_words left = {.words = rest};
    _cleanup_buf_ struct buf fault = BUF_INIT(1 << 10);
    int argc = 0;
    for (; words[argc]; argc++) {
        strcpy(copies[argc], words[argc]);
        argv[argc] = copies[argc];
    }
    assert_int_equal(options_parse(&command, argc, argv, &a, &left, &fault), OPTIONS_RUN);
    int status = sockopt_options_read(&command, &a.options, ret);
    if (ret_mptcp)
        *ret_mptcp = a.options.mptcp;
    options_release(&command, &a);
    return status;
}

#define LINE(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_read(void **state)
{
    (void)state;
    struct sockopt_set s;
    bool mptcp;
    assert_int_equal(
        read_line(LINE("--reuseport", "--ttl", "9", "--device=lo", "--no-v6only"), &s, &mptcp), 0);
    assert_int_equal(s.given, 1u << SOCKOPT_REUSEPORT | 1u << SOCKOPT_TTL | 1u << SOCKOPT_DEVICE |
                                  1u << SOCKOPT_V6ONLY);
    assert_int_equal(s.numbers[SOCKOPT_REUSEPORT], 1);
    assert_int_equal(s.numbers[SOCKOPT_V6ONLY], 0);
    assert_int_equal(s.numbers[SOCKOPT_TTL], 9);
    assert_string_equal(s.device, "lo");
    assert_false(mptcp);

    assert_int_equal(read_line(LINE("--no-reuseaddr", "--reuseaddr", "--mptcp"), &s, &mptcp), 0);
    assert_int_equal(s.numbers[SOCKOPT_REUSEADDR], 1); /* the last one counts */
    assert_true(mptcp);

    assert_int_equal(read_line(LINE("--fastopen", "--keepalive-idle=10s"), &s, NULL), 0);
    assert_int_equal(s.numbers[SOCKOPT_FASTOPEN], 256);
    assert_int_equal(s.numbers[SOCKOPT_KEEPALIVE], 1);
}

static void test_groups(void **state)
{
    (void)state;
    struct sockopt_set s;
    assert_int_equal(
        read_line(LINE("--multicast-join=239.1.2.3", "--multicast-join=ff02::fb%lo"), &s, NULL), 0);
    assert_int_equal(s.n_groups, 2);
    assert_int_equal(s.groups[0].interface, 0);
    assert_int_equal(s.groups[1].interface, 1); /* lo's in every namespace */
    assert_int_equal(read_line(LINE("--multicast-join=ff02::fb%nosuch0"), &s, NULL), EXIT_USAGE);
}

static void test_mistakes(void **state)
{
    (void)state;
    struct sockopt_set s = {.n_groups = 7};
    assert_int_equal(read_line(LINE("--ttl=256"), &s, NULL), EXIT_USAGE);
    assert_int_equal(read_line(LINE("--tos=1", "--dscp=ef"), &s, NULL), EXIT_USAGE);
    assert_int_equal(read_line(LINE("--multicast-join=10.0.0.1"), &s, NULL), EXIT_USAGE);
    assert_int_equal(s.n_groups, 7);
}

/* Each option can be given, by its own name, and its value goes to its own field. */
static void test_rows(void **state)
{
    (void)state;
    for (int o = 0; o < SOCKOPTS; o++) {
        const char *name = sockopt_name((enum sockopt)o);
        bool found = false;
        for (const struct command_option *row = table; row->name; row++) {
            bool off = strncmp(row->name, "no-", 3) == 0;
            if (strcmp(row->name + (off ? 3 : 0), name) != 0)
                continue;
            found = true;
            enum sockopt_type type = sockopt_type((enum sockopt)o);
            size_t field = type == SOCKOPT_BOOL    ? offsetof(struct arguments, options.flags[o])
                           : type == SOCKOPT_GROUP ? offsetof(struct arguments, options.groups)
                                                   : offsetof(struct arguments, options.words[o]);
            assert_int_equal(row->field, field);
        }
        if (!found)
            fail_msg("--%s has no row", name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
