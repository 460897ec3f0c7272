/*
 * An XDP socket can only be bound when it has a frame area and rings: the least that bind(2)
 * accepts, in copy mode, which any device has. Documentation/networking/af_xdp.rst
 */
#include "mksock.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <sys/mman.h>

enum { FRAMES = 16, FRAME_SIZE = 2048, RING = 16 };

int mk_xdp_bind(int fd, const struct mk_addr *addr)
{
    static const int rings[] = {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING};
    int size = RING;
    void *area = mmap(NULL, (size_t)FRAMES * FRAME_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED)
        return -errno;
    struct xdp_umem_reg area_of = {
        .addr = (uintptr_t)area, .len = (uint64_t)FRAMES * FRAME_SIZE, .chunk_size = FRAME_SIZE};
    if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &area_of, sizeof(area_of)) < 0)
        return -errno;
    for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++)
        if (setsockopt(fd, SOL_XDP, rings[i], &size, sizeof(size)) < 0)
            return -errno;
    return bind(fd, &addr->sa, addr->len) < 0 ? -errno : 0;
}
