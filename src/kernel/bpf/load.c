#include "kernel/bpf/load.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/fd.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Woverlength-strings"
#pragma GCC diagnostic ignored "-Wpointer-arith"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wunused-function"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#else
#pragma GCC diagnostic ignored "-Wstringop-truncation"
#endif
#include "held.lskel.h"
#include "holders_full.lskel.h"
#include "holders_inet.lskel.h"
#include "ports.lskel.h"
#include "unheld.lskel.h"
#pragma GCC diagnostic pop

/* Opens an iterator's stream. The link and the program live on in it. */
static int open_stream(int prog_fd, int map_fd)
{
    union bpf_iter_link_info info = {0};
    union bpf_attr attr;
    _cleanup_fd_ int link = -1;

    memset(&attr, 0, sizeof attr);
    attr.link_create.prog_fd = (__u32)prog_fd;
    attr.link_create.attach_type = BPF_TRACE_ITER;
    if (map_fd >= 0) {
        info.map.map_fd = (__u32)map_fd;
        attr.link_create.iter_info = (__u64)(uintptr_t)&info;
        attr.link_create.iter_info_len = sizeof info;
    }
    link = skel_sys_bpf(BPF_LINK_CREATE, &attr, sizeof attr.link_create);
    if (link < 0)
        return -errno;
    memset(&attr, 0, sizeof attr);
    attr.iter_create.link_fd = (__u32)link;
    int fd = skel_sys_bpf(BPF_ITER_CREATE, &attr, sizeof attr.iter_create);
    return fd < 0 ? -errno : fd;
}

/* Maps the memory that a program writes to. */
static int share(int map_fd, struct bpf_output **ret)
{
    void *at = mmap(NULL, sizeof **ret, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (at == MAP_FAILED)
        return -errno;
    *ret = at;
    return 0;
}

/* One function a skeleton: the same steps over a type of its own. walked is the map that the
 * iterator walks, written the one that it writes to, or -1. */
#define OPENER(name, walked, written)                                           \
    static int open_##name(const struct bpf_wish *wish, struct bpf_stream *ret) \
    {                                                                           \
        struct name *skel = name##__open();                                     \
        int r;                                                                  \
                                                                                \
        if (!skel)                                                              \
            return -ENOMEM;                                                     \
        memcpy((void *)&skel->rodata->wish, wish, sizeof *wish);                \
        r = name##__load(skel);                                                 \
        if (r >= 0 && (written) >= 0)                                           \
            r = share(written, &ret->output);                                   \
        if (r >= 0)                                                             \
            r = ret->fd = open_stream(skel->progs.name.prog_fd, walked);        \
        name##__destroy(skel);                                                  \
        return r;                                                               \
    }

OPENER(held, -1, skel->maps.output.map_fd)
OPENER(holders_inet, -1, -1)
OPENER(holders_full, -1, -1)
OPENER(unheld, skel->maps.slices.map_fd, -1)

static int explain(int code, struct err *e)
{
    if (code == EPERM || code == EACCES)
        return err_set(e, EPERM, "read sockets by BPF", "",
                       "needs CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN");
    if (code == ENOMEM || code == EMFILE || code == ENFILE)
        return err_set(e, code, "read sockets by BPF", "", NULL);
    return err_set(e, EOPNOTSUPP, "read sockets by BPF", "",
                   "the kernel refused the program (%s); it needs Linux 5.17 or later with BTF",
                   err_name(code));
}

static int open_reader(enum bpf_reader program, const struct bpf_wish *wish, struct bpf_stream *ret)
{
    switch (program) {
    case BPF_READER_HELD:
        return open_held(wish, ret);
    case BPF_READER_HOLDERS_INET:
        return open_holders_inet(wish, ret);
    case BPF_READER_HOLDERS_FULL:
        return open_holders_full(wish, ret);
    case BPF_READER_UNHELD:
        return open_unheld(wish, ret);
    }
    return -ENOSYS;
}

/* Before Linux 6.2 the kernel refuses what reads in place, for whatever reason comes first. */
static bool may_be_too_new(int r)
{
    return r < 0 && r != -EPERM && r != -ENOMEM && r != -EMFILE && r != -ENFILE;
}

/* Any socket of ours: its file has the operations by which the program knows one. */
static int open_held_stream(struct bpf_wish *w, struct bpf_stream *ret)
{
    ret->socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (ret->socket_fd < 0)
        return -errno;
    w->socket_fd = (__u32)ret->socket_fd;
    return open_reader(BPF_READER_HELD, w, ret);
}

int bpf_load_open(enum bpf_reader program, const struct bpf_wish *wish, struct bpf_stream *ret,
                  struct err *e)
{
    struct bpf_stream stream = BPF_STREAM_INIT;
    struct bpf_wish w = *wish;
    int r = -ENOSYS;

    w.in_place = true;
    if (program == BPF_READER_HELD) {
        r = open_held_stream(&w, &stream);
        program = BPF_READER_HOLDERS_INET;
    } else {
        r = open_reader(program, &w, &stream);
    }
    if (may_be_too_new(r)) {
        bpf_stream_close(&stream);
        w.in_place = false;
        r = open_reader(program, &w, &stream);
    }
    if (r < 0) {
        bpf_stream_close(&stream);
        return explain(-r, e);
    }
    *ret = stream;
    return 0;
}

void bpf_stream_close(struct bpf_stream *s)
{
    if (s->output)
        munmap(s->output, sizeof *s->output);
    fd_close(&s->fd);
    fd_close(&s->socket_fd);
    s->output = NULL;
}

/* Who has a port */

struct bpf_ports_program {
    struct ports *skel;
    uint32_t questions;
};

void bpf_ports_free(struct bpf_ports_program *p)
{
    if (p && p->skel)
        ports__destroy(p->skel);
    free(p);
}

int bpf_load_ports(struct bpf_ports_program **ret, struct err *e)
{
    struct bpf_ports_program *p = calloc(1, sizeof *p);

    if (!p)
        return explain(ENOMEM, e);
    p->skel = ports__open();
    int r = p->skel ? ports__load(p->skel) : -ENOMEM;
    if (r < 0) {
        bpf_ports_free(p);
        return explain(-r, e);
    }
    *ret = p;
    return 0;
}

int bpf_ports_ask(struct bpf_ports_program *p, const struct bpf_ports_wish *wish, struct err *e)
{
    struct bpf_ports_wish asked = *wish;

    asked.number = ++p->questions;
    memcpy((void *)&p->skel->bss->asked, &asked, sizeof asked);
    int r = open_stream(p->skel->progs.ports.prog_fd, p->skel->maps.slices.map_fd);
    return r < 0 ? explain(-r, e) : r;
}
