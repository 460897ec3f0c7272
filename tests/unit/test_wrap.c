#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buf.h"
#include "render/wrap.h"

static void check(const char *text, struct wrap how, const char *wanted)
{
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 16);
    buf_str(&b, "before ");
    buf_str(&b, text);
    wrap_line(&b, strlen("before "), &how);
    assert_string_equal(buf_cstr(&b) + strlen("before "), wanted);
}

static void test_words(void **state)
{
    (void)state;
    check("one two three", (struct wrap){0}, "one two three");
    check("", (struct wrap){.width = 20}, "");
    check("a line of words, more than has room", (struct wrap){.width = 20},
          "a line of words,\nmore than has room");
    check("exactly twenty, this", (struct wrap){.width = 20}, "exactly twenty, this");
    check("exactly twenty, this one", (struct wrap){.width = 20}, "exactly twenty, this\none");
}

static void test_hanging_indent(void **state)
{
    (void)state;
    check("  name  the value of it goes on", (struct wrap){.width = 28, .indent = 8},
          "  name  the value of it goes\n        on");
    /* No break in the label, though the word after it is too long for any line. */
    check("  name  0123456789012345678901234567", (struct wrap){.width = 28, .indent = 8},
          "  name  01234567890123456789\n        01234567");
    /* Too narrow for an indent. */
    check("  name  the value of it", (struct wrap){.width = 16, .indent = 8},
          "  name  the\nvalue of it");
}

static void test_long_words(void **state)
{
    (void)state;
    check("x 01234567890123456789012345", (struct wrap){.width = 20},
          "x 012345678901234567\n89012345");
    check("a word that fits the next/line/alone", (struct wrap){.width = 20},
          "a word that fits the\nnext/line/alone");
}

static void test_cut(void **state)
{
    (void)state;
    check("one two three four five six seven", (struct wrap){.width = 10, .lines = 2},
          "one two\nthree…");
    check("one two three four", (struct wrap){.width = 10, .lines = 2}, "one two\nthree four");
    check("0123456789012345678901234567890", (struct wrap){.width = 10, .lines = 2},
          "0123456789\n012345678…");
}

static void test_what_has_other_widths(void **state)
{
    (void)state;
    check("\033[36mone\033[0m two \033[36mthree\033[0m", (struct wrap){.width = 13},
          "\033[36mone\033[0m two \033[36mthree\033[0m");
    check("äöüäöü äöüäö", (struct wrap){.width = 12}, "äöüäöü äöüäö");
    check("漢字漢字 漢字漢字", (struct wrap){.width = 12}, "漢字漢字\n漢字漢字");
    check("漢字漢字漢字漢字漢字", (struct wrap){.width = 9}, "漢字漢字\n漢字漢字\n漢字");
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        uint16_t width;
        const char *text, *wanted;
    } cases[] = {
        {22, "no: it is a line of words\n    and one\n",
         "no: it is a line of\n  words\n    and one\n"},
        {30, "    set the option on both sides", "    set the option on both\n      sides"},
        {32, "  held by   nobody at all, it seems\n\nend",
         "  held by   nobody at all, it\n            seems\n\nend"},
        {22, "short\n", "short\n"},
        {22, "", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        _cleanup_buf_ struct buf b = BUF_INIT(1 << 16);
        buf_str(&b, "before\n");
        buf_str(&b, cases[i].text);
        wrap_text(&b, strlen("before\n"), 0);
        assert_string_equal(buf_cstr(&b) + strlen("before\n"), cases[i].text);
        wrap_text(&b, strlen("before\n"), cases[i].width);
        assert_string_equal(buf_cstr(&b) + strlen("before\n"), cases[i].wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),      cmocka_unit_test(test_hanging_indent),
        cmocka_unit_test(test_long_words), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_text),       cmocka_unit_test(test_what_has_other_widths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
