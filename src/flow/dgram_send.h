/* Sends runs of datagrams of one size, by the fewest system calls.
 *
 * A run is cut by the kernel (UDP_SEGMENT, udp(7); Linux 4.18) where it can, else several go with
 * one sendmmsg(2). Both ways what arrives is what a sendto for each would have sent.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct dgram_way {
    int fd;
    bool udp;     /* UDP_SEGMENT may be tried */
    bool uncut;   /* it was tried: the device, or the path's MTU, doesn't do it */
    bool refuses; /* ECONNREFUSED is told; else it is a datagram lost like others */
    const struct sockaddr_storage *peer; /* NULL: the socket is connected */
    socklen_t peer_n;
    const struct sockaddr_storage *local; /* the source, of a socket bound to every address; NULL */
    uint32_t device;                      /* with local: the device's index, or 0 */
};

struct dgram_count {
    uint64_t datagrams, lost; /* lost: too long for the way, or no room in the kernel */
};

/* n bytes, in datagrams of `segment` bytes, the last of which may be shorter; n 0 is one empty
 * datagram. How many bytes went (or were lost, and counted so), always whole datagrams, or a
 * negative errno: -EAGAIN. */
ssize_t dgram_send(struct dgram_way *w, const char *bytes, size_t n, size_t segment,
                   struct dgram_count *count);
