#include "kernel/choice.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"

/* Measured on Linux 6.18 (docs/performance.md): loading takes 10 ms, a socket 0.8 µs by sock_diag
 * and 0.4 µs by BPF, a file 3 µs by /proc and a process 25 µs. */
enum { MANY_SOCKETS = 25000, LOADING_US = 12000, FILE_US = 3, TASK_US = 25 };

static bool read_text(const char *path, struct buf *ret)
{
    buf_clear(ret);
    return fd_read_file(AT_FDCWD, path, ret) == 0;
}

/* /proc/net/sockstat: "TCP: inuse 12 orphan 0 tw 3 alloc 15 mem 1"; tw counts both families.
 * /proc/net/sockstat6: "TCP6: inuse 7". */
static unsigned long long count_tcp(void)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 14);
    unsigned four = 0, six = 0, waiting = 0;
    const char *line;
    if (read_text("/proc/net/sockstat", &text) && (line = strstr(buf_cstr(&text), "\nTCP: ")))
        (void)sscanf(line, " TCP: inuse %u orphan %*u tw %u", &four, &waiting);
    if (read_text("/proc/net/sockstat6", &text) && (line = strstr(buf_cstr(&text), "TCP6: ")))
        (void)sscanf(line, "TCP6: inuse %u", &six);
    return (unsigned long long)four + six + waiting;
}

bool choice_many_sockets(void)
{
    return count_tcp() >= MANY_SOCKETS;
}

/* Those that are merely bound count in alloc alone. "UDP: inuse 3", and likewise UDP6. */
bool choice_may_exhaust(uint32_t n)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 14);
    unsigned long long waiting = 0, allocated = 0, udp = 0, udp6 = 0;
    const char *line;
    if (read_text("/proc/net/sockstat", &text)) {
        if ((line = strstr(buf_cstr(&text), "\nTCP: ")))
            (void)sscanf(line, " TCP: inuse %*u orphan %*u tw %llu alloc %llu", &waiting,
                         &allocated);
        if ((line = strstr(buf_cstr(&text), "\nUDP: ")))
            (void)sscanf(line, " UDP: inuse %llu", &udp);
    }
    if (read_text("/proc/net/sockstat6", &text) && (line = strstr(buf_cstr(&text), "UDP6: ")))
        (void)sscanf(line, "UDP6: inuse %llu", &udp6);
    return waiting + allocated >= n || udp + udp6 >= n;
}

/* The same line's alloc is tcp_sockets_allocated, of every namespace and both families
 * (sockstat_seq_show of net/ipv4/proc.c). */
bool choice_is_all_tcp(uint64_t n)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 14);
    unsigned long long allocated;
    const char *line;
    return read_text("/proc/net/sockstat", &text) && (line = strstr(buf_cstr(&text), "\nTCP: ")) &&
           sscanf(line, " TCP: inuse %*u orphan %*u tw %*u alloc %llu", &allocated) == 1 &&
           allocated == n;
}

/* /proc/sys/fs/file-nr: "1216 0 9223372036854775807", the first being files that are open.
 * /proc/loadavg: "0.20 0.18 0.12 1/80 11206", the fourth ending with how many tasks there are. */
bool choice_few_files(void)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 14);
    unsigned long long files;
    unsigned tasks;
    if (!read_text("/proc/sys/fs/file-nr", &text) || sscanf(buf_cstr(&text), "%llu", &files) != 1 ||
        !read_text("/proc/loadavg", &text) ||
        sscanf(buf_cstr(&text), "%*s %*s %*s %*u/%u", &tasks) != 1)
        return false;
    return files < LOADING_US / FILE_US && files * FILE_US + tasks * TASK_US < LOADING_US;
}
