#include "kernel/bpf_ports.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "kernel/bpf/decode.h"
#include "kernel/bpf/load.h"
#include "net/bucket.h"

enum { READ_SIZE = 1 << 16 };

static int take_task(void *ctx, const struct bpf_task_chunk *task)
{
    (void)ctx, (void)task;
    return 0;
}

/* Where an answer goes: sockets to the sink, and what else there is to where it is wanted. */
struct answer {
    source_sink *sink;
    void *ctx;
    int (*bucket)(void *ctx, const struct net_bucket *b); /* may be NULL */
    struct ports_tally tally;
    uint32_t hz;
};

static int take_clock(void *ctx, const struct bpf_clock_chunk *clock)
{
    struct answer *a = ctx;
    a->hz = bpf_decode_hz(clock);
    return 0;
}

static int take_item(void *ctx, const struct bpf_item *item)
{
    struct answer *a = ctx;
    struct net_socket s;
    a->tally.handshakes |= item->sock.flags & BPF_SOCK_HANDSHAKES;
    bpf_item_to_socket(item, a->hz, &s);
    return a->sink(a->ctx, &s);
}

static int take_tally(void *ctx, const struct bpf_tally_chunk *chunk)
{
    struct answer *a = ctx;
    a->tally.sockets = chunk->tcp;
    return 0;
}

static int take_bucket(void *ctx, const struct bpf_bucket_chunk *chunk)
{
    struct answer *a = ctx;
    struct net_bucket bucket = {
        .port = chunk->port,
        .fastreuse = chunk->fastreuse,
        .fastreuseport = chunk->fastreuseport,
        .uid = chunk->uid,
        .family = chunk->family,
        .v6only = chunk->v6only,
    };
    if (!a->bucket)
        return 0;
    if (chunk->family == AF_INET || chunk->family == AF_INET6)
        bucket.addr = net_addr_from_bytes(chunk->family, chunk->addr);
    return a->bucket(a->ctx, &bucket);
}

static int read_stream(int fd, struct answer *answer, struct err *e)
{
    static _Thread_local char bytes[READ_SIZE];
    const struct bpf_decode_sink sink = {.ctx = answer,
                                         .task = take_task,
                                         .item = take_item,
                                         .clock = take_clock,
                                         .tally = take_tally,
                                         .bucket = take_bucket};
    for (;;) {
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n == 0)
            return 0;
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        int result = n < 0 ? -errno : bpf_decode(bytes, (size_t)n, &sink);
        if (result < 0)
            return err_set(e, -result, "read ports by BPF", "", NULL);
        if (result > 0)
            return result;
    }
}

static int ask(struct bpf_ports_program *p, struct bpf_ports_wish *wish, struct answer *answer,
               struct err *e)
{
    struct stat st;
    if (stat("/proc/self/ns/net", &st) < 0)
        return err_set(e, errno, "identify the network namespace", "", NULL);
    wish->netns = (uint32_t)st.st_ino;
    _cleanup_fd_ int fd = bpf_ports_ask(p, wish, e);
    return fd < 0 ? fd : read_stream(fd, answer, e);
}

int bpf_ports_open(struct bpf_ports_program **ret, struct err *e)
{
    return bpf_load_ports(ret, e);
}

void bpf_ports_close(struct bpf_ports_program *p)
{
    bpf_ports_free(p);
}

static int keep(void *ctx, const struct net_socket *s)
{
    struct ports *p = ctx;
    return vec_add(&p->sockets, s);
}

static int keep_bucket(void *ctx, const struct net_bucket *b)
{
    struct ports *p = ctx;
    return vec_add(&p->buckets, b);
}

int bpf_ports_read(struct bpf_ports_program *p, const struct ports_query *q, struct ports *ret,
                   struct err *e)
{
    struct bpf_ports_wish wish = {.kinds = q->kinds, .lport = q->port, .choice = BPF_CHOOSE_SORTS};
    struct answer answer = {.sink = keep, .ctx = ret, .bucket = keep_bucket};
    int result = ask(p, &wish, &answer, e);
    if (result < 0)
        return result;
    ret->complete = ret->buckets_known = ret->udp_ordered = ret->listeners_ordered = true;
    return 0;
}

static void put_address(__u32 to[4], const struct net_addr *a)
{
    struct net_addr plain = net_addr_unmap(a);
    memcpy(to, plain.bytes, sizeof plain.bytes);
}

int bpf_ports_stream(struct bpf_ports_program *p, const struct ports_way *way,
                     const struct ports_sink *sink, struct err *e)
{
    struct bpf_ports_wish wish = {.kinds = 1u << NET_TCP,
                                  .choice = BPF_CHOOSE_WAY,
                                  .family = net_addr_unmap(&way->local).family,
                                  .rport = way->peer_port};
    struct answer answer = {.sink = sink->socket, .bucket = sink->bucket, .ctx = sink->ctx};
    put_address(wish.addr, &way->local);
    put_address(wish.peer, &way->peer);
    return ask(p, &wish, &answer, e);
}

int bpf_ports_sample(struct bpf_ports_program *p, const struct net_addr *local, uint16_t port,
                     source_sink *sink, void *ctx, struct ports_tally *ret, struct err *e)
{
    struct bpf_ports_wish wish = {.kinds = 1u << NET_TCP, .lport = port, .choice = BPF_CHOOSE_BUSY};
    struct answer answer = {.sink = sink, .ctx = ctx};
    if (local) {
        wish.family = net_addr_unmap(local).family;
        put_address(wish.addr, local);
    }
    int result = ask(p, &wish, &answer, e);
    *ret = answer.tally;
    return result;
}
