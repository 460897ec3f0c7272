#include "cmd/connect_record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/time.h"
#include "flow/recording.h"

enum { RECORDING_MAX = 1 << 28 };
static const uint64_t PATIENCE_NS = 5000000000;

/* Recording */

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is that of struct pump_hook */
static int see(struct pump_hook *h, const char **bytes, size_t *n)
{
    struct direction_seen *seen =
        (struct direction_seen *)((char *)h - offsetof(struct direction_seen, hook));
    struct recorder *r = seen->recorder;
    struct recording_event e = {.direction = seen->direction,
                                .at_ns = time_monotonic_ns() - r->began_ns,
                                .bytes = *bytes,
                                .n = *n};
    if (e.n == 0)
        return 0;
    if (r->record.fd >= 0) {
        recording_put(&r->record.buf, &e);
        out_flush(&r->record);
    }
    if (r->hexdump.fd >= 0) {
        recording_hexdump(&r->hexdump.buf, &e, &seen->offset);
        out_flush(&r->hexdump);
    }
    return 0; /* a full disk is told in the end, and doesn't end the conversation */
}

static int open_out(struct out *o, const char *path, struct err *e)
{
    if (!path)
        return 0;
    o->fd = strcmp(path, "-") == 0
                ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    return o->fd < 0 ? err_set(e, errno, "write", path, NULL) : 0;
}

int recorder_open(struct recorder *r, const char *record, const char *hexdump, struct err *e)
{
    *r = (struct recorder){.sent = {.hook.pass = see, .recorder = r, .direction = '>'},
                           .received = {.hook.pass = see, .recorder = r, .direction = '<'},
                           .record_name = record,
                           .hexdump_name = hexdump,
                           .began_ns = time_monotonic_ns()};
    out_init(&r->record, -1);
    out_init(&r->hexdump, -1);
    int result = open_out(&r->record, record, e);
    if (result == 0)
        result = open_out(&r->hexdump, hexdump, e);
    if (result == 0 && record)
        buf_str(&r->record.buf, RECORDING_HEADER);
    return result;
}

bool recorder_wanted(const struct recorder *r)
{
    return r->record.fd >= 0 || r->hexdump.fd >= 0;
}

static int close_out(struct out *o, const char *path, struct err *e)
{
    int result = o->fd < 0 ? 0 : out_flush(o);
    fd_close(&o->fd);
    out_clear(o);
    return result < 0 ? err_set(e, -result, "write", path, NULL) : 0;
}

int recorder_close(struct recorder *r, struct err *e)
{
    int first = close_out(&r->record, r->record_name, e);
    int second = close_out(&r->hexdump, r->hexdump_name, first < 0 ? NULL : e);
    return first < 0 ? first : second;
}

/* Replaying */

static void stop(struct loop *l, struct replay *r)
{
    loop_watch_stop(l, &r->room);
    loop_timer_stop(l, &r->due);
    fd_close(&r->pipe);
}

/* The next thing to say, if there is one. */
static bool find_next(struct replay *r)
{
    struct recording_event e;
    while (recording_next(r->file.data, r->file.len, &r->at, &e) == 1) {
        if (e.direction == '<') {
            r->expected += e.n;
            continue;
        }
        r->pending = e.bytes;
        r->pending_n = e.n;
        r->pending_at_ns = e.at_ns;
        r->patience_ns = 0;
        return true;
    }
    return false;
}

/* Whether it's time; else the timer is set for when to ask again. */
static bool is_due(struct loop *l, struct replay *r)
{
    uint64_t now = time_monotonic_ns(), at = r->began_ns + r->pending_at_ns;
    if (now < at) {
        loop_timer_set(l, &r->due, at);
        return false;
    }
    if (r->received >= r->expected)
        return true;
    if (r->patience_ns == 0)
        r->patience_ns = now + PATIENCE_NS;
    if (now >= r->patience_ns)
        return true;
    loop_timer_set(l, &r->due, r->patience_ns);
    return false;
}

static void go_on(struct loop *l, struct replay *r)
{
    while (r->pipe >= 0) {
        if (r->pending_n == 0 && !find_next(r)) {
            stop(l, r);
            return;
        }
        if (!is_due(l, r))
            return;
        ssize_t put = write(r->pipe, r->pending, r->pending_n);
        if (put < 0 && errno == EAGAIN)
            return; /* `room` tells */
        if (put < 0) {
            stop(l, r);
            return;
        }
        r->pending += put;
        r->pending_n -= (size_t)put;
    }
}

static void due(struct loop *l, struct loop_timer *t)
{
    go_on(l, (struct replay *)((char *)t - offsetof(struct replay, due)));
}

static void room(struct loop *l, struct loop_watch *w, uint32_t events)
{
    (void)events;
    go_on(l, (struct replay *)((char *)w - offsetof(struct replay, room)));
}

/* What was missing is there: the timer looks at once. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is that of struct pump_hook */
static int hear(struct pump_hook *h, const char **bytes, size_t *n)
{
    struct replay *r = (struct replay *)((char *)h - offsetof(struct replay, heard));
    (void)bytes;
    r->received += *n;
    if (r->patience_ns && r->received >= r->expected)
        loop_timer_set(r->loop, &r->due, time_monotonic_ns());
    return 0;
}

static int check(const struct replay *r, const char *path, struct err *e)
{
    struct recording_event event;
    size_t at = 0;
    int result;
    while ((result = recording_next(r->file.data, r->file.len, &at, &event)) == 1)
        ;
    return result < 0 ? err_word(e, -result, "replay", path,
                                 "it is no recording, or broken behind byte %zu", at)
                      : 0;
}

int replay_open(struct replay *r, const char *path, int *ret_input, struct err *e)
{
    int ends[2];
    *r = (struct replay){.file = BUF_INIT(RECORDING_MAX), .pipe = -1};
    int result = fd_read_file(AT_FDCWD, path, &r->file);
    if (result < 0)
        return err_set(e, -result, "read", path, NULL);
    result = check(r, path, e);
    if (result < 0)
        return result;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_set(e, errno, "replay", path, NULL);
    *ret_input = ends[0];
    r->pipe = ends[1];
    r->heard.pass = hear;
    return 0;
}

void replay_start(struct loop *l, struct replay *r)
{
    r->loop = l;
    r->began_ns = time_monotonic_ns();
    r->due.fire = due;
    r->room.ready = room;
    if (loop_watch_start(l, &r->room, r->pipe, EPOLLOUT | EPOLLET) < 0)
        stop(l, r);
    else
        go_on(l, r);
}

void replay_clear(struct loop *l, struct replay *r)
{
    stop(l, r);
    buf_free(&r->file);
}
