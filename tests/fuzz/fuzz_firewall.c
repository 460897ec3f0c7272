/* Listings of firewalls, whose first byte says of which program: any bytes; texts end. */
#include <string.h>
#include <sys/socket.h>

#include "base/vec.h"
#include "fuzz.h"
#include "kernel/firewall.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vec rules = VEC_INIT(struct firewall_rule);
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    int result = data[0] == 'n' ? firewall_parse_nft(text, size - 1, &rules)
                                : firewall_parse_iptables(text, size - 1, AF_INET, &rules);
    for (size_t i = 0; result == 0 && i < rules.len; i++) {
        const struct firewall_rule *r = vec_at(&rules, i);
        fuzz_check(strnlen(r->text, sizeof r->text) < sizeof r->text &&
                       strnlen(r->place, sizeof r->place) < sizeof r->place,
                   "texts end");
        fuzz_check(r->hooks != 0, "it is met somewhere");
        firewall_match(r, NET_TCP, 80);
    }
    vec_free(&rules);
    return 0;
}
