/* Listings of firewalls: any bytes; a rule that was found has ports in order and texts that end. */
#include <string.h>

#include "base/vec.h"
#include "fuzz.h"
#include "kernel/forwards.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vec rules = VEC_INIT(struct kernel_forward);
    bool unread = false;
    fuzz_check(forwards_parse((const char *)data, size, &rules, &unread) == 0, "there is memory");
    for (size_t i = 0; i < rules.len; i++) {
        const struct kernel_forward *f = vec_at(&rules, i);
        fuzz_check(f->first <= f->last, "the range is one");
        fuzz_check(strnlen(f->protocol, sizeof f->protocol) < sizeof f->protocol &&
                       strnlen(f->target, sizeof f->target) < sizeof f->target &&
                       strnlen(f->rule, sizeof f->rule) < sizeof f->rule,
                   "texts end");
        fuzz_check(f->target[0] && f->rule[0], "a rule has a target");
    }
    vec_free(&rules);
    return 0;
}
