/* Answers of sock_diag: any bytes may stand for one. The first says which kind was asked for, the
 * rest, four bytes on, are messages. */
#include <string.h>

#include "fuzz.h"
#include "kernel/diag_decode.h"
#include "kernel/netlink.h"

static diag_decode *const decoders[] = {
    diag_inet_decode,  diag_unix_decode, diag_netlink_decode, diag_packet_decode,
    diag_vsock_decode, diag_xdp_decode,  diag_tipc_decode,    diag_any_decode,
};

struct target {
    struct diag_decoder decoder;
    diag_decode *decode;
};

static void check_row(const struct net_socket *s)
{
    fuzz_check((unsigned)s->kind < NET_KINDS && (unsigned)s->state < NET_STATES, "kind and state");
    fuzz_check(s->path_len < sizeof s->path, "a path has its length");
    fuzz_check(strnlen(s->device, sizeof s->device) < sizeof s->device &&
                   strnlen(s->congestion, sizeof s->congestion) < sizeof s->congestion,
               "texts end");
}

static int on_message(void *ctx, const struct nlmsghdr *m)
{
    struct target *t = ctx;
    struct net_socket row;
    if (t->decode(&t->decoder, m, &row) == 0)
        check_row(&row);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    struct target t = {.decoder = {.detail = UINT32_MAX, .elsewhere = true}};
    t.decode = decoders[data[0] % (sizeof decoders / sizeof *decoders)];
    t.decoder.kind = (enum net_kind)(data[1] % NET_KINDS);
    struct netlink_walk w = {.whatever = true};
    const struct netlink_reader reader = {.message = on_message, .ctx = &t};
    char *copy =
        malloc(size - 4 ? size - 4 : 1); /* of the very size, so that ASan sees a byte too many */
    if (!copy)
        return 0;
    memcpy(copy, data + 4, size - 4);
    netlink_walk(&w, copy, size - 4, &reader);
    free(copy);
    return 0;
}
