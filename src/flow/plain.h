/* The plain mode: one conversation between two descriptors and a socket by poll(2), read(2) and
 * write(2) alone, and sockets opened by one call after the other in the order that was asked.
 *
 * It is for those who count on the very calls: the dialect of nc, whoever watches it with
 * strace(1), machines without epoll or splice for them. One conversation, one thread; what has many
 * clients, rates or hooks goes through the loop and the pump. The descriptors stay the caller's,
 * and so does a stream of TLS above the socket, which takes the place of read(2) and write(2)
 * there.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct stream;

enum { PLAIN_BUFFER = 16384 };

struct plain {
    int in, out; /* −1: no input */
    int net;
    struct stream *above; /* net's, never started on a loop; NULL: bytes go over it as they are */
    int timeout_ms;       /* ends the conversation when nothing moved for so long; −1: never */
    unsigned interval_s;  /* input goes out a line at a time, with so long a pause behind each */
    uint64_t reads;       /* the conversation takes so many reads from the socket; 0: any */
    bool half_close;      /* the socket's writing side is shut down at the input's end */
    bool ends_with_input; /* … and its reading side as well */
    bool ends_with_net; /* when nothing more comes from the socket; otherwise input goes on to it */
    bool crlf;          /* a line feed without carriage return gets one on the way out */
    bool telnet;        /* what the peer asks for is declined (RFC 854) */
};

enum plain_end {
    PLAIN_OVER,       /* both directions are done, or broken: this mode doesn't tell them apart */
    PLAIN_INPUT_OVER, /* the same, and the input is at its end or has nobody to read for */
    PLAIN_TIMED_OUT,
};

/* SIGPIPE must be ignored. PLAIN_…, or a negative errno from poll(2). */
int plain_talk(const struct plain *p);

/* Answers to the options that n bytes of the peer's ask for or offer (RFC 854: WONT to DO and DONT,
 * DONT to WILL and WONT), into answers, whose size is at least n. Returns their length. */
size_t plain_telnet(const unsigned char *bytes, size_t n, unsigned char *answers);

struct plain_option {
    int level, name;
    const void *value;
    socklen_t size;
};

struct plain_socket {
    int family, type, protocol;
    const struct sockaddr *address;
    socklen_t address_n;
    const struct plain_option *options;
    size_t n_options;
};

struct plain_source {
    const struct sockaddr *address;
    socklen_t address_n;
};

/* Which call failed; of PLAIN_OPTION also which of the options. */
struct plain_failure {
    enum { PLAIN_SOCKET, PLAIN_BIND, PLAIN_OPTION, PLAIN_LISTEN, PLAIN_CONNECT } step;
    size_t option;
};

/* A blocking socket with the options set, bound, and after a backlog above 0 listening. The
 * descriptor, or a negative errno with *f filled. */
int plain_listen(const struct plain_socket *s, int backlog, struct plain_failure *f);
/* A connected socket with O_NONBLOCK, bound to *source (NULL: to none) before the options are set;
 * or a negative errno with *f filled: -EINPROGRESS when timeout_ms went by (−1: none). */
int plain_connect(const struct plain_socket *s, const struct plain_source *source, int timeout_ms,
                  struct plain_failure *f);
