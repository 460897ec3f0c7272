/* Walking /proc cheaply.
 *
 * Knows how to list the numbers in a directory of /proc (processes, threads, descriptors) and how
 * to tell which descriptor of a process is which socket. Reads no file: the texts in /proc are the
 * business of process.h. Everything in /proc may vanish between two calls, so ENOENT and ESRCH
 * are ordinary answers.
 */
#pragma once
#include <dirent.h>
#include <stdint.h>

enum { PROCFS_BUFFER = 32 << 10 }; /* bigger ones don't help */

/* An open directory, read with getdents64(2) in large steps. */
struct procfs_dir {
    int fd;
    uint32_t at, len;
    _Alignas(8) char buffer[PROCFS_BUFFER];
};

#define _cleanup_procfs_dir_ __attribute__((cleanup(procfs_dir_close)))

/* dirfd and path as in openat(2). 0 or a negative errno, with d->fd -1. */
int procfs_dir_open(struct procfs_dir *d, int dirfd, const char *path);
void procfs_dir_close(struct procfs_dir *d);
/* The next entry whose name is a decimal number. 1, 0 at the end, or a negative errno. */
int procfs_dir_next(struct procfs_dir *d, uint32_t *ret);

/* Of an open /proc/PID/fd that nothing was read from yet: leaves out the descriptors below `fd`, at
 * no cost. Its entries stand in the order of their numbers, number N at position N + 2, behind "."
 * and ".." (proc_readfd_common of fs/proc/fd.c). 0 or a negative errno. */
int procfs_dir_skip(struct procfs_dir *d, uint32_t fd);

/* The inode of the caller's pid namespace; 0 where /proc isn't mounted. */
uint64_t procfs_pid_namespace(void);
/* That of the first one: PROC_PID_INIT_INO of include/linux/proc_ns.h. */
#define PROCFS_FIRST_PID_NAMESPACE UINT64_C(0xEFFFFFFC)

/* The device number of sockfs, that every socket's inode is on. 0 or a negative errno. */
int procfs_sockfs_device(uint64_t *ret);

/* The socket that descriptor number `fd` of the open directory /proc/PID/fd is. 1 and its inode,
 * 0 if it is something else, or a negative errno. */
int procfs_fd_socket(int dirfd, uint32_t fd, uint64_t sockfs, uint64_t *ret_inode);

/* Decimal digits and a NUL into `to`, which has room for 11 bytes; the length. */
unsigned procfs_format_number(char *to, uint32_t n);
