#include "kernel/bpf/load.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

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

/* One function a skeleton: the same steps over a type of its own. map is the one that the iterator
 * walks, or -1. */
#define OPENER(name, map)                                        \
    static int open_##name(const struct bpf_wish *wish)          \
    {                                                            \
        struct name *skel = name##__open();                      \
        int r;                                                   \
                                                                 \
        if (!skel)                                               \
            return -ENOMEM;                                      \
        memcpy((void *)&skel->rodata->wish, wish, sizeof *wish); \
        r = name##__load(skel);                                  \
        if (r >= 0)                                              \
            r = open_stream(skel->progs.name.prog_fd, map);      \
        name##__destroy(skel);                                   \
        return r;                                                \
    }

OPENER(holders_inet, -1)
OPENER(holders_full, -1)
OPENER(unheld, skel->maps.slices.map_fd)

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

static int open_reader(enum bpf_reader program, const struct bpf_wish *wish)
{
    switch (program) {
    case BPF_READER_HOLDERS_INET:
        return open_holders_inet(wish);
    case BPF_READER_HOLDERS_FULL:
        return open_holders_full(wish);
    case BPF_READER_UNHELD:
        return open_unheld(wish);
    }
    return -ENOSYS;
}

/* Before Linux 6.2 the kernel refuses what reads in place, for whatever reason comes first. */
static bool may_be_too_new(int r)
{
    return r < 0 && r != -EPERM && r != -ENOMEM && r != -EMFILE && r != -ENFILE;
}

int bpf_load_open(enum bpf_reader program, const struct bpf_wish *wish, struct err *e)
{
    struct bpf_wish w = *wish;
    w.in_place = true;
    int r = open_reader(program, &w);
    if (may_be_too_new(r)) {
        w.in_place = false;
        r = open_reader(program, &w);
    }
    return r < 0 ? explain(-r, e) : r;
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
