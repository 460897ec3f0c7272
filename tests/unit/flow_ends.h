/* Descriptors of each kind with both of their ends, for the tests of src/flow. */
#pragma once
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* [0] and [1] talk to each other; neither blocks. */
static inline void make_tcp(int ret[2])
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &n), 0);
    ret[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(ret[0], (struct sockaddr *)&a, n), 0);
    ret[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(ret[1] >= 0);
    assert_int_equal(fcntl(ret[0], F_SETFL, O_RDWR | O_NONBLOCK), 0);
    close(listener);
}

static inline void make_unix(int ret[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret), 0);
}

/* [0] is read, [1] is written. */
static inline void make_pipe(int ret[2])
{
    assert_int_equal(pipe2(ret, O_CLOEXEC | O_NONBLOCK), 0);
}

/* [0] is the master, [1] the terminal, which passes bytes as they are. */
static inline void make_pty(int ret[2])
{
    struct termios raw;
    assert_int_equal(openpty(&ret[0], &ret[1], NULL, NULL, NULL), 0);
    tcgetattr(ret[1], &raw);
    cfmakeraw(&raw);
    tcsetattr(ret[1], TCSANOW, &raw);
    for (int i = 0; i < 2; i++)
        fcntl(ret[i], F_SETFL, O_RDWR | O_NONBLOCK);
}

/* An unnamed file of n bytes of `bytes`, to be read from its start. */
static inline int make_file(const void *bytes, size_t n)
{
    int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* n bytes that tell their place. */
static inline char *make_bytes(size_t n)
{
    char *bytes = malloc(n);
    uint32_t x = 1;
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (char)(x >> 24);
    }
    return bytes;
}
