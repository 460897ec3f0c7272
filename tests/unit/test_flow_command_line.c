#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow/command_line.h"

/* The words with | behind each. */
static void check(const char *text, const char *expected)
{
    char **words, got[256] = "";
    assert_int_equal(command_line_cut(text, &words), 0);
    for (char **w = words; *w; w++) {
        strcat(got, *w);
        strcat(got, "|");
    }
    free(words);
    assert_string_equal(got, expected);
}

static void test_words(void **state)
{
    (void)state;
    check("cat", "cat|");
    check("  cat   -n\tfile \n", "cat|-n|file|");
    check("a b c d e f", "a|b|c|d|e|f|");
    check("sh -c 'echo \"$HOME\" \\n'", "sh|-c|echo \"$HOME\" \\n|");
    check("a\\ b \"c \\\" d\\\\ \\x\" ''", "a b|c \" d\\ \\x||");
    check("x'y z'w \\", "xy zw|\\|");
    check("$A `b` *;", "$A|`b`|*;|");
}

static void test_refused(void **state)
{
    (void)state;
    char **words = NULL;
    static const char *const bad[] = {"", " \t", "'", "\"", "a 'b", "a \"b\\\"", "'\\'"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad - 1; i++)
        assert_int_equal(command_line_cut(bad[i], &words), -EINVAL);
    assert_null(words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
