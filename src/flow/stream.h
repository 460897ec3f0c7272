/* One end of a conversation: something that can be read, written, half-closed and closed, and that
 * says when it can.
 *
 * A socket, a pair of pipes, a terminal, a file; or one of these with TLS above it. Whoever moves
 * bytes sees no difference, and may ask whether the descriptors are plain, to let the kernel move
 * them. A stream never blocks: what would block is -EAGAIN.
 *
 * Readiness is edge-triggered: can_read and can_write stay true until a call has said -EAGAIN, and
 * then `ready` is called once they are true again. So a stream costs one epoll_ctl in its life.
 *
 * Descriptors that came from elsewhere (standard input and output) keep their flags, since
 * O_NONBLOCK would be everybody's who shares them. They are opened anew through /proc/self/fd where
 * that can be (pipes, terminals); else poll(2) is asked before each call, and writes to them are
 * cut at what a pipe takes whole.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "flow/loop.h"

struct stream;

enum stream_kind {
    STREAM_NONE,   /* can't be read: at its end already; or written: -EPIPE */
    STREAM_TCP,    /* a stream socket of TCP */
    STREAM_SOCKET, /* any other connected socket */
    STREAM_PIPE,
    STREAM_TERMINAL,
    STREAM_FILE,  /* a plain file: never blocks */
    STREAM_NULL,  /* /dev/null */
    STREAM_OTHER, /* another device */
    STREAM_KINDS
};

/* What lies above the descriptors. Each call does its work without blocking. */
struct stream_ops {
    /* How many bytes; 0 at the end; -EAGAIN; another negative errno. */
    ssize_t (*read)(struct stream *s, void *to, size_t n);
    /* How many bytes were taken, not always all; `more`: others follow at once, so that small
     * pieces may wait for them. */
    ssize_t (*write)(struct stream *s, const void *from, size_t n, bool more);
    /* Tells the peer that nothing more comes; 0, -EAGAIN, another negative errno. */
    int (*finish)(struct stream *s);
    /* Releases `above`; the descriptors are the stream's own to close. May be NULL. */
    void (*release)(struct stream *s);
};
extern const struct stream_ops stream_plain; /* nothing above the descriptors */

struct stream {
    const struct stream_ops *ops;
    void *above;               /* of ops: the state of TLS */
    int in, out;               /* owned; the same number for a socket; -1: none, or closed */
    uint8_t in_kind, out_kind; /* enum stream_kind */
    bool in_polls, out_polls;  /* may block: poll before each call */
    bool blocks;               /* a socket without O_NONBLOCK: each call says MSG_DONTWAIT */
    bool can_read, can_write;
    bool hung_up;  /* the peer's end, urgent data, or worse, lies behind what can be read */
    bool ended;    /* everything was read */
    bool finished; /* nothing more will be written */
    /* What has to happen below before a read or a write can go on: EPOLLIN and EPOLLOUT, but TLS
     * may have to write to read. */
    uint32_t read_waits, write_waits;
    struct loop_watch in_watch, out_watch;
    void (*ready)(struct loop *l, struct stream *s); /* can_read or can_write became true */
};

/* Each takes the descriptors over, and never fails. */
/* A connected socket of ours, with O_NONBLOCK set already. */
void stream_init_socket(struct stream *s, int fd);
/* Descriptors of ours to read and to write, which may be the same, or -1. O_NONBLOCK is set where
 * that matters. */
void stream_init_own(struct stream *s, int in, int out);
/* Descriptors that others share: see above. Standard input and output are given so. When such a
 * one is closed and is 0, 1 or 2, /dev/null takes its place. */
void stream_init_shared(struct stream *s, int in, int out);

/* Watches it from now on. `ready` is set by the caller, and is called for what happens from now on:
 * the caller tries for itself first. 0, or the negative errno of epoll_ctl. */
int stream_start(struct loop *l, struct stream *s);
/* Stops watching, closes all, as it is: nothing is flushed. l may be NULL where it was never
 * started. A zeroed stream is closed already. */
void stream_close(struct loop *l, struct stream *s);

/* As in stream_ops; they keep the flags. */
ssize_t stream_read(struct stream *s, void *to, size_t n);
ssize_t stream_write(struct stream *s, const void *from, size_t n, bool more);
int stream_finish(struct loop *l, struct stream *s);

/* Whether the kernel may move bytes between the descriptors itself. */
bool stream_is_plain(const struct stream *s);
/* After a system call on the descriptors themselves said EAGAIN: asks poll(2) which of the two it
 * was (a splice doesn't tell), and sets from's can_read and to's can_write. */
void stream_ask_ready(struct stream *from, struct stream *to);

/* The kind of any descriptor, by fstat(2); STREAM_NONE for one that isn't open. */
enum stream_kind stream_kind_of(int fd);
