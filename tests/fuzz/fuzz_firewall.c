/* Listings of firewalls, whose first byte says of which program: any bytes, and a packet's walk
 * through what they say ends. */
#include <string.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "kernel/firewall.h"
#include "predict/firewall.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct firewall f = FIREWALL_INIT;
    struct vec met = VEC_INIT(struct firewall_met);
    const struct firewall_packet p = {.kind = NET_TCP,
                                      .to = {.family = AF_INET, .bytes = {127, 0, 0, 1}},
                                      .from_port = {32768, 60999},
                                      .to_port = {80, 80},
                                      .in = "lo",
                                      .out = "lo",
                                      .hooks = ~0U};
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    int result = data[0] == 'n' ? firewall_parse_nft(text, size - 1, &f)
                                : firewall_parse_iptables(text, size - 1, FIREWALL_IP, &f);
    if (result == 0 && predict_firewall(&f, &p, false, &met) == 0)
        for (size_t i = 0; i < met.len; i++) {
            const struct firewall_met *m = vec_at(&met, i);
            fuzz_check(m->rule || m->chain->drops, "a rule of it, or a policy");
        }
    firewall_free(&f);
    vec_free(&met);
    return 0;
}
