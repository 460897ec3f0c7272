/* Texts made fit: what text_escape writes is safe on a terminal, and text_to_utf8 loses nothing. */
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "fuzz.h"

static void check_escape(const char *bytes, size_t n)
{
    _cleanup_buf_ struct buf out = BUF_INIT(16 << 20);
    text_escape(&out, bytes, n);
    fuzz_check(!out.failed, "the buffer has room");
    size_t width = 0;
    for (size_t at = 0, len; at < out.len; at += len) {
        unsigned c;
        len = text_decode_utf8(out.data + at, out.len - at, &c);
        fuzz_check(len > 0, "escaped text is UTF-8");
        fuzz_check(!text_is_unsafe(c), "escaped text has no control character");
        width += text_width(out.data + at, len);
    }
    fuzz_check(width == text_width(out.data, out.len), "the width is the sum of its parts'");
    size_t plain = text_plain_length(bytes, n);
    fuzz_check(plain <= n && out.len >= plain && (!plain || memcmp(out.data, bytes, plain) == 0),
               "plain text stays as it is");
}

static void check_utf8(const char *bytes, size_t n)
{
    _cleanup_buf_ struct buf utf8 = BUF_INIT(16 << 20);
    _cleanup_buf_ struct buf back = BUF_INIT(16 << 20);
    text_to_utf8(&utf8, bytes, n);
    for (size_t at = 0, len; at < utf8.len; at += len) {
        unsigned c;
        len = text_decode_utf8(utf8.data + at, utf8.len - at, &c);
        fuzz_check(len > 0, "it is UTF-8");
    }
    text_from_utf8(&back, utf8.data, utf8.len);
    fuzz_check(back.len == n && (!n || memcmp(back.data, bytes, n) == 0), "the bytes come back");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_escape((const char *)data, size);
    check_utf8((const char *)data, size);
    return 0;
}
