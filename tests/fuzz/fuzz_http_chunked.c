/* Bodies in chunks: in pieces of any length the same as in one. */
#include <string.h>

#include "base/buf.h"
#include "flow/http_chunked.h"
#include "fuzz.h"

static int decode(const char *bytes, size_t n, size_t step, struct buf *out, size_t *ret_end)
{
    struct http_chunked c = {0};
    size_t at = 0;
    while (at < n && c.state != HTTP_CHUNK_END) {
        size_t used, data, here = n - at < step ? n - at : step;
        int r = http_chunked_next(&c, bytes + at, here, &used, &data);
        if (r < 0)
            return r;
        fuzz_check(used <= here && data <= here - used, "within the bytes");
        fuzz_check(used + data > 0, "it goes on");
        buf_add(out, bytes + at + used, data);
        http_chunked_take(&c, data);
        at += used + data;
    }
    *ret_end = at;
    return c.state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    _cleanup_buf_ struct buf whole = BUF_INIT(1 << 24);
    _cleanup_buf_ struct buf pieces = BUF_INIT(1 << 24);
    if (size < 1)
        return 0;
    size_t step = 1 + data[0] % 16, end = 0, end_pieces = 0;
    int r = decode(bytes + 1, size - 1, size, &whole, &end);
    fuzz_check(decode(bytes + 1, size - 1, step, &pieces, &end_pieces) == r, "the same result");
    if (r < 0)
        return 0;
    fuzz_check(end == end_pieces, "the same end");
    fuzz_check(whole.len == pieces.len &&
                   (!whole.len || !memcmp(whole.data, pieces.data, whole.len)),
               "the same data");
    return 0;
}
