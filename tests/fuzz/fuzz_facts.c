/* Facts from JSON: whatever the text holds, reading ends with facts that can be cleared, and what
 * was taken is written and read back as the same. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "fuzz.h"
#include "net/facts.h"
#include "store/facts_file.h"

static void check_texts(const struct facts *f)
{
    fuzz_check(strnlen(f->hostname, sizeof f->hostname) < sizeof f->hostname, "the name ends");
    for (size_t i = 0; i < f->sockets.len; i++) {
        const struct net_socket *s = vec_at(&f->sockets, i);
        fuzz_check((unsigned)s->kind < NET_KINDS, "a kind that there is");
        fuzz_check(strnlen(s->device, sizeof s->device) < sizeof s->device &&
                       strnlen(s->congestion, sizeof s->congestion) < sizeof s->congestion,
                   "texts end");
        fuzz_check(s->n_owners == 0 || s->owners, "owners are there");
        for (int field = 0; field < NET_FIELD_COUNT; field++)
            fuzz_check(!net_socket_knows(s, (enum net_field)field) ||
                           !net_socket_forbids(s, (enum net_field)field),
                       "nothing is known and forbidden");
    }
    for (size_t i = 0; i < f->interfaces.len; i++) {
        const struct net_iface *iface = vec_at(&f->interfaces, i);
        fuzz_check(iface->mac_len <= sizeof iface->mac, "a MAC address fits");
        fuzz_check(strnlen(iface->name, sizeof iface->name) < sizeof iface->name, "names end");
    }
}

static void check_round_trip(const struct facts *f)
{
    _cleanup_buf_ struct buf once = BUF_INIT(64 << 20);
    _cleanup_buf_ struct buf twice = BUF_INIT(64 << 20);
    struct facts again;
    struct err e = {0};
    facts_write(&once, f);
    if (once.failed)
        return;
    facts_init(&again);
    fuzz_check(facts_read(once.data, once.len, &again, &e) == 0, "what is written can be read");
    facts_write(&twice, &again);
    fuzz_check(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0,
               "and is the same then");
    facts_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct facts f;
    struct err e = {0};
    facts_init(&f);
    int r = facts_read((const char *)data, size, &f, &e);
    if (r < 0) {
        fuzz_check(e.code == -r && e.op[0], "a failure is explained");
    } else {
        check_texts(&f);
        check_round_trip(&f);
    }
    facts_clear(&f);
    return 0;
}
