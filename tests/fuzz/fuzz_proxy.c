/* A proxy's answers: any bytes, in pieces. The first byte chooses the protocol, and whether there
 * is a password; nothing is taken that didn't come, and the same bytes end in the same way whole or
 * in pieces. */
#include <string.h>

#include "flow/proxy.h"
#include "fuzz.h"

enum outcome { WAITS, DONE, FAILED, TOO_MANY };

static enum outcome talk(const struct proxy_request *r, const uint8_t *data, size_t size,
                         size_t piece)
{
    struct proxy_talk t;
    struct err e = {0};
    enum outcome outcome = TOO_MANY;
    size_t at = 0, seen = 0;
    proxy_talk_init(&t, r);
    int begun = proxy_talk_begin(&t, &e);
    fuzz_check(begun == 0, "it begins");
    for (int rounds = 0; rounds < 100000; rounds++) {
        seen = seen + piece < size ? seen + piece : size;
        char *copy = malloc(seen - at + 1);
        fuzz_check(copy != NULL, "there is memory");
        memcpy(copy, data + at, seen - at);
        ssize_t took = proxy_talk_take(&t, copy, seen - at, &e);
        free(copy);
        fuzz_check(took <= (ssize_t)(seen - at), "what came is taken");
        if (took < 0) {
            fuzz_check(e.code == -took && e.hint[0], "a failure has words");
            outcome = FAILED;
            break;
        }
        at += (size_t)took;
        if (t.again)
            fuzz_check(proxy_talk_begin(&t, &e) == 0, "it begins again");
        if (t.done || (took == 0 && seen == size)) {
            outcome = t.done ? DONE : WAITS;
            break;
        }
    }
    proxy_talk_clear(&t);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 1 << 14)
        return 0;
    struct proxy_request r = {.kind = (enum proxy_kind)(data[0] % PROXY_KINDS), .port = 80};
    r.addr.family = AF_INET;
    if (data[0] & 0x40)
        r.user = "user", r.password = "pass\"word";
    if (data[0] & 0x80 && r.kind != PROXY_SOCKS4)
        r.host = "host.example";
    enum outcome whole = talk(&r, data + 1, size - 1, size);
    enum outcome pieces = talk(&r, data + 1, size - 1, 1);
    fuzz_check(whole == pieces, "pieces don't matter");
    return 0;
}
