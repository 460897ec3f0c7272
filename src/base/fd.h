/* Descriptors and small files. Every descriptor berth makes is close-on-exec from birth. */
#pragma once
#include <stddef.h>
#include <sys/types.h>

struct buf;

#define _cleanup_fd_ __attribute__((cleanup(fd_close)))
/* One that is only held open, as long as its scope lasts. */
#define _held_fd_ __attribute__((cleanup(fd_close), unused))

/* Closes *fd unless it is negative, sets it to -1, preserves errno. */
void fd_close(int *fd);
/* Hands the descriptor over: returns *fd and leaves -1. */
int fd_take(int *fd);

/* Reads to the end, behind what *into holds already, at most to its ceiling. 0 or a negative errno
 * (-EFBIG when the ceiling was met). */
int fd_read_all(int fd, struct buf *into);
/* Reads the whole of a file, at most to the buffer's ceiling, into an emptied *into.
 * dirfd as in openat(2). 0 or a negative errno (-EFBIG when the ceiling was met). */
int fd_read_file(int dirfd, const char *path, struct buf *into);
/* Writes all of it, going on after EINTR and short writes. 0 or a negative errno. */
int fd_write_all(int fd, const void *bytes, size_t n);
