#include "kernel/bpf_ports.h"

#include <errno.h>
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

struct answer {
    struct ports *ports;
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
    struct net_socket *s = vec_push(&a->ports->sockets);
    if (!s)
        return -ENOMEM;
    bpf_item_to_socket(item, a->hz, s);
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
    if (chunk->family == AF_INET || chunk->family == AF_INET6)
        bucket.addr = net_addr_from_bytes(chunk->family, chunk->addr);
    return vec_add(&a->ports->buckets, &bucket);
}

static int read_stream(int fd, struct ports *ret, struct err *e)
{
    static _Thread_local char bytes[READ_SIZE];
    struct answer answer = {.ports = ret};
    const struct bpf_decode_sink sink = {.ctx = &answer,
                                         .task = take_task,
                                         .item = take_item,
                                         .clock = take_clock,
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
    }
}

int bpf_ports_open(struct bpf_ports_program **ret, struct err *e)
{
    return bpf_load_ports(ret, e);
}

void bpf_ports_close(struct bpf_ports_program *p)
{
    bpf_ports_free(p);
}

int bpf_ports_read(struct bpf_ports_program *p, const struct ports_query *q, struct ports *ret,
                   struct err *e)
{
    struct stat st;
    struct bpf_ports_wish wish = {.kinds = q->kinds, .lport = q->port, .alike = q->port != 0};
    if (stat("/proc/self/ns/net", &st) < 0)
        return err_set(e, errno, "identify the network namespace", "", NULL);
    wish.netns = (uint32_t)st.st_ino;
    _cleanup_fd_ int fd = bpf_ports_ask(p, &wish, e);
    if (fd < 0)
        return fd;
    int result = read_stream(fd, ret, e);
    if (result < 0)
        return result;
    ret->complete = ret->buckets_known = ret->udp_ordered = ret->listeners_ordered = true;
    return 0;
}
