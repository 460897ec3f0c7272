/* PROXY headers: what is read once is read the same with more behind it, and asks for more when it
 * is cut anywhere; what is written again is read as the same addresses. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "flow/proxy_header.h"
#include "fuzz.h"

static void check_cut(const uint8_t *data, int length)
{
    struct proxy_header h;
    for (int n = 0; n < length; n++)
        fuzz_check(proxy_header_parse(data, (size_t)n, &h) == 0, "a part asks for more");
}

static void check_back(const struct proxy_header *h)
{
    for (int version = 1; version <= 2; version++) {
        _cleanup_buf_ struct buf out = BUF_INIT(4096);
        struct proxy_header back = {0};
        proxy_header_format(&out, version, true, &h->from, &h->to);
        fuzz_check(proxy_header_parse(out.data, out.len, &back) == (int)out.len, "it is read back");
        if (back.known && back.from.ss_family == h->from.ss_family)
            fuzz_check(memcmp(&back.from, &h->from, sizeof back.from) == 0 &&
                           memcmp(&back.to, &h->to, sizeof back.to) == 0,
                       "it says the same");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header h = {0};
    int length = proxy_header_parse(data, size, &h);
    fuzz_check(length >= 0 || length == -EPROTO, "no other error");
    fuzz_check(length <= (int)size && length <= PROXY_HEADER_MAX, "no more than there is");
    fuzz_check(length > 0 || !h.known, "nothing is known without a header");
    fuzz_check(length != 0 || size < PROXY_HEADER_MAX, "it ends somewhere");
    if (length <= 0)
        return 0;
    check_cut(data, length);
    if (h.known)
        check_back(&h);
    return 0;
}
