#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"

static void test_document(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf b = BUF_INIT(4096);
    struct jsonw j = JSONW_INIT(&b);
    jsonw_object(&j);
    jsonw_key(&j, "none");
    jsonw_array(&j);
    jsonw_array_end(&j);
    jsonw_key(&j, "all");
    jsonw_array(&j);
    jsonw_u64(&j, UINT64_MAX);
    jsonw_i64(&j, INT64_MIN);
    jsonw_bool(&j, true);
    jsonw_bool(&j, false);
    jsonw_null(&j);
    jsonw_str(&j, NULL);
    jsonw_str(&j, "x");
    jsonw_object(&j);
    jsonw_object_end(&j);
    jsonw_array_end(&j);
    jsonw_key(&j, "raw");
    jsonw_raw(&j, "[1]", 3);
    jsonw_key(&j, "last");
    jsonw_u64(&j, 0);
    jsonw_object_end(&j);
    assert_string_equal(buf_cstr(&b),
                        "{\"none\":[],\"all\":[18446744073709551615,-9223372036854775808,true,"
                        "false,null,null,\"x\",{}],\"raw\":[1],\"last\":0}");
}

static void test_lines(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf b = BUF_INIT(4096);
    struct jsonw j = JSONW_INIT(&b);
    j.lines = true;
    jsonw_array(&j);
    jsonw_array_end(&j);
    assert_string_equal(buf_cstr(&b), "[]");

    buf_clear(&b);
    jsonw_array(&j);
    for (int i = 0; i < 2; i++) {
        jsonw_array(&j);
        jsonw_u64(&j, 1);
        jsonw_u64(&j, 2);
        jsonw_array_end(&j);
    }
    jsonw_array_end(&j);
    assert_string_equal(buf_cstr(&b), "[\n[1,2],\n[1,2]\n]");
}

static const struct {
    const char *bytes;
    size_t n;
    const char *json;
} texts[] = {
#define T(text, json)                \
    {                                \
        text, sizeof(text) - 1, json \
    }
    T("", "\"\""),
    T("plain \x20~", "\"plain  ~\""),
    T("\"\\/\b\f\n\r\t", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""),
    T("a\0b\x1b[31m\x7f", "\"a\\u0000b\\u001b[31m\\u007f\""),
    T("gr\u00fc\u00df \u6e2f \U0001f6a2", "\"gr\u00fc\u00df \u6e2f \U0001f6a2\""),
    T("\xc2\x85\u202e\ufeff", "\"\\u0085\\u202e\\ufeff\""),
    /* not UTF-8: alone, cut short, too long a form, a surrogate, beyond Unicode */
    T("\xff"
      "a\xc3",
      "\"\\uefffa\\uefc3\""),
    T("\xe6\xb8", "\"\\uefe6\\uefb8\""),
    T("\xc0\xaf", "\"\\uefc0\\uefaf\""),
    T("\xed\xa0\x80", "\"\\uefed\\uefa0\\uef80\""),
    T("\xf4\x90\x80\x80", "\"\\ueff4\\uef90\\uef80\\uef80\""),
    /* a character that stands for a byte is taken for three bytes */
    T("\uefff", "\"\\uefee\\uefbf\\uefbf\""),
#undef T
};

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        _cleanup_buf_ struct buf b = BUF_INIT(4096);
        struct jsonw j = JSONW_INIT(&b);
        jsonw_text(&j, texts[i].bytes, texts[i].n);
        assert_string_equal(buf_cstr(&b), texts[i].json);

        /* What a reader finds gives the bytes back. */
        json_t *read = json_loadb(b.data, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(read);
        _cleanup_buf_ struct buf back = BUF_INIT(4096);
        text_from_utf8(&back, json_string_value(read), json_string_length(read));
        assert_int_equal(back.len, texts[i].n);
        if (back.len)
            assert_memory_equal(back.data, texts[i].bytes, back.len);
        json_decref(read);
    }
}

static void test_utf8_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        _cleanup_buf_ struct buf utf8 = BUF_INIT(4096);
        _cleanup_buf_ struct buf back = BUF_INIT(4096);
        text_to_utf8(&utf8, texts[i].bytes, texts[i].n);
        unsigned c;
        for (size_t at = 0, len; at < utf8.len; at += len)
            assert_true((len = text_decode_utf8(utf8.data + at, utf8.len - at, &c)) > 0);
        text_from_utf8(&back, utf8.data, utf8.len);
        assert_int_equal(back.len, texts[i].n);
        if (back.len)
            assert_memory_equal(back.data, texts[i].bytes, back.len);
    }
}

static void test_reals(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *json;
    } reals[] = {
        {0, "0"},
        {0.1, "0.1"},
        {-1.5, "-1.5"},
        {1e300, "1e+300"},
        {1.0 / 3, "0.3333333333333333"},
        {5e-324, "4.94065645841247e-324"},
        {INFINITY, "null"},
        {NAN, "null"},
    };
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        _cleanup_buf_ struct buf b = BUF_INIT(64);
        struct jsonw j = JSONW_INIT(&b);
        jsonw_real(&j, reals[i].value);
        assert_string_equal(buf_cstr(&b), reals[i].json);
    }
}

static void test_ceiling(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf b = BUF_INIT(10);
    struct jsonw j = JSONW_INIT(&b);
    jsonw_array(&j);
    for (int i = 0; i < 100; i++)
        jsonw_str(&j, "\xff long enough \x01");
    jsonw_array_end(&j);
    assert_true(b.failed);
    assert_true(b.len <= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document), cmocka_unit_test(test_lines),
        cmocka_unit_test(test_texts),    cmocka_unit_test(test_utf8_both_ways),
        cmocka_unit_test(test_reals),    cmocka_unit_test(test_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
