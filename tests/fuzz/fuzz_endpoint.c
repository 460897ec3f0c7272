/* Endpoints: what parses formats to a text that parses to the same, and formats to the same text;
 * what doesn't leaves the result untouched and says why. The first byte is what may be written. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "fuzz.h"
#include "net/endpoint.h"

enum { EVERYTHING = ENDPOINT_MAY_OMIT_SCOPE * 2 - 1 };

static void check_back(const struct endpoint *ep, unsigned accepts)
{
    _cleanup_buf_ struct buf first = BUF_INIT(1 << 20), second = BUF_INIT(1 << 20);
    struct endpoint back;
    endpoint_format(&first, ep);
    fuzz_check(endpoint_parse(buf_cstr(&first), accepts, &back, NULL) == 0,
               "what is formatted parses");
    fuzz_check(endpoint_equal(ep, &back), "it parses to the same");
    endpoint_format(&second, &back);
    fuzz_check(strcmp(buf_cstr(&first), buf_cstr(&second)) == 0, "it is formatted as before");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_buf_ struct buf text = BUF_INIT(16 << 20);
    struct endpoint ep, untouched;
    struct err e = {0};
    if (size == 0)
        return 0;
    unsigned accepts = data[0] & EVERYTHING;
    buf_add(&text, data + 1, size - 1);
    memset(&ep, 0x5a, sizeof ep);
    memcpy(&untouched, &ep, sizeof ep);
    int r = endpoint_parse(buf_cstr(&text), accepts, &ep, &e);
    fuzz_check(r == 0 || r == -EINVAL, "no other error");
    if (r == 0) {
        fuzz_check(ep.port <= ep.port_last, "a range runs upwards");
        check_back(&ep, accepts);
        return 0;
    }
    fuzz_check(memcmp(&untouched, &ep, sizeof ep) == 0, "a failure changes nothing");
    fuzz_check(e.code == EINVAL && e.hint[0], "a failure has its reason");
    return 0;
}
