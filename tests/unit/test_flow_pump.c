#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "flow/pump.h"
#include "flow_ends.h"

enum { ALL = 3 << 20, ROUNDS = 100000 };

static char scratch[PUMP_SCRATCH];

/* Kinds of ends */

enum end { TCP, UNIX, PIPE, PTY, FILE_, APPENDED, DEV_NULL, ENDS };
static const char *const end_names[ENDS] = {"tcp",  "unix",          "pipe",     "pty",
                                            "file", "appended file", "/dev/null"};

/* near: the stream's descriptor; far: where the test writes or reads; -1: nowhere. */
static void make_source(enum end end, const char *bytes, int *ret_near, int *ret_far)
{
    int pair[2] = {-1, -1};
    switch (end) {
    case TCP:
        make_tcp(pair);
        break;
    case UNIX:
        make_unix(pair);
        break;
    case PIPE:
        make_pipe(pair);
        break;
    case PTY:
        make_pty(pair);
        break;
    default:
        pair[0] = make_file(bytes, ALL);
    }
    *ret_near = pair[0];
    *ret_far = pair[1];
}

static void make_sink(enum end end, int *ret_near, int *ret_far)
{
    int pair[2] = {-1, -1};
    switch (end) {
    case TCP:
        make_tcp(pair);
        break;
    case UNIX:
        make_unix(pair);
        break;
    case PIPE:
        make_pipe(pair);
        *ret_near = pair[1];
        *ret_far = pair[0];
        return;
    case PTY:
        make_pty(pair);
        break;
    case FILE_:
        pair[0] = make_file("", 0);
        break;
    case APPENDED:
        pair[0] = make_file("before", 6);
        fcntl(pair[0], F_SETFL, O_APPEND);
        break;
    default:
        pair[0] = open("/dev/null", O_WRONLY | O_CLOEXEC);
    }
    *ret_near = pair[0];
    *ret_far = pair[1];
}

/* One conversation's half, driven by hand: the far ends never block, and are served in turns. */
struct half {
    struct stream from, to;
    struct pump pump;
    int far_in, far_out;
    const char *bytes; /* to be sent */
    size_t sent, all;
    char *got; /* what arrived */
    size_t got_n;
};

static void open_half(struct half *h, enum end from, enum end to, const char *bytes)
{
    int near_in, near_out;
    *h = (struct half){.bytes = bytes, .all = ALL, .got = malloc(ALL + 16)};
    assert_non_null(h->got);
    make_source(from, bytes, &near_in, &h->far_in);
    make_sink(to, &near_out, &h->far_out);
    stream_init_own(&h->from, near_in, -1);
    stream_init_own(&h->to, -1, near_out);
    pump_init(&h->pump, &h->from, &h->to);
}

static void close_half(struct half *h)
{
    pump_clear(&h->pump);
    stream_close(NULL, &h->from);
    stream_close(NULL, &h->to);
    if (h->far_in >= 0)
        close(h->far_in);
    if (h->far_out >= 0)
        close(h->far_out);
    free(h->got);
}

static void feed(struct half *h)
{
    if (h->far_in < 0)
        return;
    while (h->sent < h->all) {
        ssize_t n = write(h->far_in, h->bytes + h->sent, h->all - h->sent);
        if (n < 0)
            return;
        h->sent += (size_t)n;
    }
    if (h->from.in_kind == STREAM_TERMINAL && h->pump.bytes < h->all)
        return; /* closing it would throw away what wasn't read */
    close(h->far_in);
    h->far_in = -1;
}

static void take(struct half *h, size_t most)
{
    if (h->far_out < 0)
        return;
    while (most > 0) {
        size_t room = ALL + 16 - h->got_n;
        ssize_t n = read(h->far_out, h->got + h->got_n, room < most ? room : most);
        if (n <= 0)
            return;
        h->got_n += (size_t)n;
        most -= (size_t)n;
    }
}

/* What is still on its way. */
static void take_rest(struct half *h)
{
    struct pollfd p = {.fd = h->far_out, .events = POLLIN};
    while (h->far_out >= 0 && h->got_n < h->pump.bytes && poll(&p, 1, 10000) == 1)
        take(h, SIZE_MAX);
}

/* Until it ends; the result of the last turn. */
static int drive(struct half *h, size_t bite)
{
    int result = PUMP_WAITS;
    for (int round = 0; round < ROUNDS; round++) {
        feed(h);
        h->from.can_read = h->to.can_write = true;
        result = pump_run(&h->pump, scratch, SIZE_MAX, 1);
        take(h, bite);
        if (result < 0 || result == PUMP_ENDED)
            break;
    }
    if (result == PUMP_ENDED)
        take_rest(h);
    return result;
}

static void read_back(struct half *h, size_t at)
{
    h->got_n = 0;
    for (ssize_t n; (n = pread(h->to.out, h->got + h->got_n, ALL + 16 - h->got_n,
                               (off_t)(at + h->got_n))) > 0;)
        h->got_n += (size_t)n;
}

static void check_whole(struct half *h, enum end to)
{
    if (to == FILE_)
        read_back(h, 0);
    if (to == APPENDED)
        read_back(h, 6);
    assert_int_equal(h->pump.bytes, ALL);
    if (to == DEV_NULL)
        return;
    assert_int_equal(h->got_n, ALL);
    assert_memory_equal(h->got, h->bytes, ALL);
}

static enum pump_means means_for(enum end from, enum end to)
{
    static const enum pump_means table[FILE_ + 1][ENDS] = {
        [TCP] = {[TCP] = PUMP_PIPE,
                 [PIPE] = PUMP_SPLICE,
                 [FILE_] = PUMP_PIPE,
                 [DEV_NULL] = PUMP_DISCARD},
        [UNIX] = {[PIPE] = PUMP_SPLICE},
        [PIPE] = {PUMP_SPLICE, PUMP_SPLICE, PUMP_SPLICE, [DEV_NULL] = PUMP_SPLICE},
        [FILE_] = {PUMP_SENDFILE, PUMP_SENDFILE, PUMP_SPLICE},
    };
    return table[from][to];
}

static void test_every_pair_of_kinds(void **state)
{
    (void)state;
    char *bytes = make_bytes(ALL);
    for (int from = 0; from <= FILE_; from++)
        for (int to = 0; to < ENDS; to++) {
            struct half h;
            open_half(&h, (enum end)from, (enum end)to, bytes);
            int result = drive(&h, SIZE_MAX);
            if (result != PUMP_ENDED || h.pump.means != means_for((enum end)from, (enum end)to))
                fail_msg("%s to %s: ended with %d, by means %d", end_names[from], end_names[to],
                         result, h.pump.means);
            check_whole(&h, (enum end)to);
            close_half(&h);
        }
    free(bytes);
}

/* The same, with a reader that takes little at a time: what was left over comes in its order. */
static void test_slow_readers(void **state)
{
    (void)state;
    char *bytes = make_bytes(ALL);
    for (int from = 0; from <= FILE_; from++)
        for (int to = 0; to <= PTY; to++) {
            struct half h;
            open_half(&h, (enum end)from, (enum end)to, bytes);
            assert_int_equal(drive(&h, 4321), PUMP_ENDED);
            check_whole(&h, (enum end)to);
            close_half(&h);
        }
    free(bytes);
}

/* Splice to a file that appends is EINVAL (splice(2)): it is copied then. */
static void test_falls_back_to_copying(void **state)
{
    (void)state;
    char *bytes = make_bytes(ALL);
    struct half h;
    open_half(&h, PIPE, APPENDED, bytes);
    h.pump.chosen = true;
    h.pump.means = PUMP_SPLICE;
    assert_int_equal(drive(&h, SIZE_MAX), PUMP_ENDED);
    assert_int_equal(h.pump.means, PUMP_COPY);
    check_whole(&h, APPENDED);
    close_half(&h);
    free(bytes);
}

static void test_full_disk(void **state)
{
    (void)state;
    char *bytes = make_bytes(ALL);
    for (int from = 0; from <= FILE_; from++) {
        struct half h;
        open_half(&h, (enum end)from, DEV_NULL, bytes);
        stream_close(NULL, &h.to);
        stream_init_own(&h.to, -1, open("/dev/full", O_WRONLY | O_CLOEXEC));
        assert_int_equal(drive(&h, SIZE_MAX), -ENOSPC);
        assert_true(h.pump.failed_writing);
        close_half(&h);
    }
    free(bytes);
}

/* A byte of urgent data stops splice before it, though the socket can be read: no spinning. */
static void test_urgent_data_does_not_spin(void **state)
{
    (void)state;
    char bytes[] = "abcdef";
    struct half h;
    open_half(&h, TCP, PIPE, bytes);
    h.all = 6;
    assert_int_equal(send(h.far_in, "ab", 2, 0), 2);
    assert_int_equal(send(h.far_in, "!", 1, MSG_OOB), 1);
    assert_int_equal(send(h.far_in, "cd", 2, 0), 2);
    assert_int_equal(send(h.far_in, "?", 1, MSG_OOB), 1);
    h.sent = 4;
    assert_int_equal(drive(&h, SIZE_MAX), PUMP_ENDED);
    h.got[h.got_n] = '\0';
    assert_string_equal(h.got, "ab!cdef");
    close_half(&h);
}

/* Nothing of ours is held where the writer is merely full, beyond one chunk. */
static void test_a_writer_that_takes_nothing(void **state)
{
    (void)state;
    char *bytes = make_bytes(ALL);
    struct half h;
    open_half(&h, FILE_, UNIX, bytes);
    h.pump.copies = true;
    assert_int_equal(pump_run(&h.pump, scratch, SIZE_MAX, 1), PUMP_WAITS);
    assert_false(h.to.can_write);
    assert_true(h.pump.held_n <= h.pump.chunk);
    off_t at = lseek(h.from.in, 0, SEEK_CUR);
    assert_int_equal(pump_run(&h.pump, scratch, SIZE_MAX, 1), PUMP_WAITS);
    assert_int_equal(lseek(h.from.in, 0, SEEK_CUR), at);
    assert_int_equal(drive(&h, SIZE_MAX), PUMP_ENDED);
    check_whole(&h, UNIX);
    close_half(&h);
    free(bytes);
}

static void test_broken_pipe(void **state)
{
    (void)state;
    char *bytes = make_bytes(ALL);
    for (int from = 0; from <= FILE_; from++)
        for (int to = 0; to <= PIPE; to++) {
            struct half h;
            open_half(&h, (enum end)from, (enum end)to, bytes);
            close(h.far_out);
            h.far_out = -1;
            int result = drive(&h, SIZE_MAX);
            assert_true(result == -EPIPE || result == -ECONNRESET);
            assert_true(h.pump.failed_writing);
            close_half(&h);
        }
    free(bytes);
}

static void test_reset_is_the_readers(void **state)
{
    (void)state;
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    for (int to = 0; to < ENDS; to++) {
        struct half h;
        open_half(&h, TCP, (enum end)to, "");
        setsockopt(h.far_in, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        h.all = 0;
        int result = drive(&h, SIZE_MAX);
        assert_int_equal(result, -ECONNRESET);
        if (to != UNIX && to != TCP)
            assert_false(h.pump.failed_writing);
        close_half(&h);
    }
}

/* Ends that aren't there */

static void test_no_reader_is_an_end(void **state)
{
    (void)state;
    struct half h;
    open_half(&h, PIPE, PIPE, "");
    stream_close(NULL, &h.from);
    stream_init_own(&h.from, -1, -1);
    assert_int_equal(pump_run(&h.pump, scratch, SIZE_MAX, 1), PUMP_ENDED);
    close_half(&h);
}

static void test_no_writer_is_a_broken_pipe(void **state)
{
    (void)state;
    struct half h;
    open_half(&h, FILE_, PIPE, make_bytes(ALL));
    stream_close(NULL, &h.to);
    stream_init_own(&h.to, -1, -1);
    assert_int_equal(pump_run(&h.pump, scratch, SIZE_MAX, 1), -EPIPE);
    assert_true(h.pump.failed_writing);
    free((char *)h.bytes);
    close_half(&h);
}

/* Limits */

static void test_left(void **state)
{
    (void)state;
    char *bytes = make_bytes(ALL);
    for (int from = 0; from <= FILE_; from++) {
        struct half h;
        open_half(&h, (enum end)from, UNIX, bytes);
        h.pump.left = 100001;
        assert_int_equal(drive(&h, SIZE_MAX), PUMP_ENDED);
        assert_int_equal(h.pump.bytes, 100001);
        assert_int_equal(h.got_n, 100001);
        assert_memory_equal(h.got, bytes, h.got_n);
        close_half(&h);
    }
    free(bytes);
}

static void test_budget(void **state)
{
    (void)state;
    char *bytes = make_bytes(ALL);
    struct half h;
    open_half(&h, FILE_, DEV_NULL, bytes);
    assert_int_equal(pump_run(&h.pump, scratch, 1 << 20, 1), PUMP_MORE);
    assert_int_equal(h.pump.bytes, 1 << 20);
    assert_int_equal(drive(&h, SIZE_MAX), PUMP_ENDED);
    check_whole(&h, DEV_NULL);
    close_half(&h);
    free(bytes);
}

/* 1 MiB a second: a quarter at once, then what the time that passes allows. */
static void test_rate(void **state)
{
    (void)state;
    char *bytes = make_bytes(ALL);
    struct half h;
    struct rate rate = {.per_second = 1 << 20};
    uint64_t now = UINT64_C(1000000000000);
    open_half(&h, FILE_, DEV_NULL, bytes);
    h.pump.rate = &rate;
    assert_int_equal(pump_run(&h.pump, scratch, SIZE_MAX, now), PUMP_RATED);
    assert_int_equal(h.pump.bytes, 1 << 18);
    assert_int_equal(pump_run(&h.pump, scratch, SIZE_MAX, now), PUMP_RATED);
    assert_int_equal(h.pump.bytes, 1 << 18);
    assert_true(rate_when(&rate) > now);
    now += 100000000;
    assert_int_equal(pump_run(&h.pump, scratch, SIZE_MAX, now), PUMP_RATED);
    assert_in_range(h.pump.bytes, (1 << 18) + 104850, (1 << 18) + 104858);
    now += UINT64_C(3600) * 1000000000; /* an hour's worth isn't kept */
    uint64_t before = h.pump.bytes;
    assert_int_equal(pump_run(&h.pump, scratch, SIZE_MAX, now), PUMP_RATED);
    assert_in_range(h.pump.bytes - before, (1 << 18) - 2, (1 << 18) + 2);
    close_half(&h);
    free(bytes);
}

static void test_rate_alone(void **state)
{
    (void)state;
    struct rate none = {0}, slow = {.per_second = 10};
    assert_int_equal(rate_allows(&none, 77, 5), 77);
    assert_int_equal(rate_when(&none), 0);
    uint64_t now = UINT64_C(10000000000000);
    assert_int_equal(rate_allows(&slow, 10000, now), 4096);
    rate_take(&slow, 4096, now);
    assert_int_equal(rate_allows(&slow, 10000, now), 0);
    assert_int_equal(rate_allows(&slow, 10000, rate_when(&slow)), 1);
    assert_int_equal(rate_allows(&slow, 10000, now + UINT64_C(1000000000)), 10);
}

/* Gathering */

static int least_of(const struct half *h)
{
    int least = 0;
    socklen_t n = sizeof least;
    assert_int_equal(getsockopt(h->from.in, SOL_SOCKET, SO_RCVLOWAT, &least, &n), 0);
    return least;
}

static void send_now(struct half *h, size_t n)
{
    struct pollfd p = {.fd = h->from.in, .events = POLLIN};
    assert_int_equal(write(h->far_in, h->bytes + h->sent, n), n);
    h->sent += n;
    assert_true(poll(&p, 1, 100) >= 0);
}

/* Bulk isn't woken for byte by byte, and yet what is little comes in time. */
static void test_gathers_bulk(void **state)
{
    (void)state;
    static const enum end ends[] = {FILE_, DEV_NULL};
    char *bytes = make_bytes(ALL);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct half h;
        uint64_t now = 1000;
        open_half(&h, TCP, ends[i], bytes);
        for (int round = 0; round < 4; round++) { /* a pipe comes with the second */
            send_now(&h, 100000);
            h.from.can_read = true;
            assert_true(pump_run(&h.pump, scratch, SIZE_MAX, now) >= 0);
        }
        assert_int_equal(h.pump.bytes, h.sent);
        assert_true(least_of(&h) > 100000);

        send_now(&h, 10);
        int turn = pump_run(&h.pump, scratch, SIZE_MAX, now);
        assert_int_equal(turn, PUMP_GATHERS);
        assert_int_equal(h.pump.bytes, h.sent - 10);
        assert_true(pump_when(&h.pump, turn) > now);
        now = pump_when(&h.pump, turn);
        assert_int_equal(pump_run(&h.pump, scratch, SIZE_MAX, now), PUMP_WAITS);
        assert_int_equal(h.pump.bytes, h.sent);
        assert_int_equal(least_of(&h), 1);
        close_half(&h);
    }
    free(bytes);
}

/* Who may be answered isn't kept waiting. */
static void test_gathers_for_nobody_else(void **state)
{
    (void)state;
    char *bytes = make_bytes(ALL);
    for (int to = TCP; to <= PIPE; to++) {
        struct half h;
        open_half(&h, TCP, (enum end)to, bytes);
        for (int round = 0; round < 8; round++) {
            send_now(&h, 100000);
            h.from.can_read = h.to.can_write = true;
            assert_int_equal(pump_run(&h.pump, scratch, SIZE_MAX, 1), PUMP_WAITS);
            take(&h, SIZE_MAX);
        }
        assert_int_equal(least_of(&h), 1);
        close_half(&h);
    }
    free(bytes);
}

/* A pipe is had while there is bulk, past single pieces that are short, and given back after it:
 * there are few of them. */
static void test_pipe_while_bulk(void **state)
{
    (void)state;
    char *bytes = make_bytes(ALL);
    struct half h;
    unsigned little = 0;
    open_half(&h, TCP, TCP, bytes);
    for (int round = 0; round < 8 && !h.pump.piped; round++) {
        send_now(&h, 400000);
        h.from.can_read = h.to.can_write = true;
        assert_true(pump_run(&h.pump, scratch, SIZE_MAX, 1) >= 0);
        take(&h, SIZE_MAX);
    }
    assert_true(h.pump.piped);
    for (; h.pump.piped && little < 100; little++) {
        send_now(&h, 10);
        h.from.can_read = h.to.can_write = true;
        assert_int_equal(pump_run(&h.pump, scratch, SIZE_MAX, 1), PUMP_WAITS);
        take(&h, SIZE_MAX);
    }
    assert_in_range(little, 4, 32);
    assert_int_equal(h.pump.bytes, h.sent);
    close_half(&h);
    free(bytes);
}

/* Hooks */

struct upper {
    struct pump_hook hook;
    char out[64];
};

static int pass_upper(struct pump_hook *hook, const char **bytes, size_t *n)
{
    struct upper *u = (struct upper *)hook;
    size_t at = 0;
    for (; at < *n && at < sizeof u->out; at++)
        u->out[at] = (char)toupper((unsigned char)(*bytes)[at]);
    *n = at;
    *bytes = u->out;
    return 0;
}

/* Keeps all to the end. */
struct keeper {
    struct pump_hook hook;
    char kept[64];
    size_t n;
    int ends;
};

static int pass_keeper(struct pump_hook *hook, const char **bytes, size_t *n)
{
    struct keeper *k = (struct keeper *)hook;
    if (*n == 0) {
        k->ends++;
        *bytes = k->kept;
        *n = k->n;
        k->n = 0;
        return 0;
    }
    assert_true(k->n + *n <= sizeof k->kept);
    memcpy(k->kept + k->n, *bytes, *n);
    k->n += *n;
    *n = 0;
    return 0;
}

/* One that keeps all is no end for those behind it; each hears of the end once. */
static void test_hooks_in_a_row(void **state)
{
    (void)state;
    struct half h;
    struct keeper last = {.hook.pass = pass_keeper};
    struct upper upper = {.hook = {.pass = pass_upper, .next = &last.hook}};
    struct keeper first = {.hook = {.pass = pass_keeper, .next = &upper.hook}};
    open_half(&h, PIPE, PIPE, "hello world");
    h.all = 6;
    h.pump.hooks = &first.hook;
    feed(&h);
    assert_int_equal(drive(&h, SIZE_MAX), PUMP_ENDED);
    assert_int_equal(h.pump.means, PUMP_COPY);
    assert_int_equal(first.ends, 1);
    assert_int_equal(last.ends, 1);
    assert_int_equal(h.got_n, 6);
    assert_memory_equal(h.got, "HELLO ", 6);
    close_half(&h);
}

static void test_hooks_hear_of_the_end_at_left(void **state)
{
    (void)state;
    struct half h;
    struct keeper keeper = {.hook.pass = pass_keeper};
    open_half(&h, PIPE, PIPE, "hello world");
    h.all = 11;
    h.pump.hooks = &keeper.hook;
    h.pump.left = 5;
    assert_int_equal(drive(&h, SIZE_MAX), PUMP_ENDED);
    assert_int_equal(keeper.ends, 1);
    assert_int_equal(h.got_n, 5);
    assert_memory_equal(h.got, "hello", 5);
    close_half(&h);
}

static int pass_refuses(struct pump_hook *hook, const char **bytes, size_t *n)
{
    (void)hook, (void)bytes;
    *n = 0;
    return -EILSEQ;
}

static void test_hook_that_refuses(void **state)
{
    (void)state;
    struct half h;
    struct pump_hook hook = {.pass = pass_refuses};
    open_half(&h, PIPE, PIPE, "x");
    h.all = 1;
    h.pump.hooks = &hook;
    assert_int_equal(drive(&h, SIZE_MAX), -EILSEQ);
    close_half(&h);
}

static void test_put_goes_first(void **state)
{
    (void)state;
    struct half h;
    open_half(&h, PIPE, PIPE, "three");
    h.all = 5;
    assert_int_equal(pump_put(&h.pump, "one ", 4), 0);
    assert_int_equal(pump_put(&h.pump, "", 0), 0);
    assert_int_equal(pump_put(&h.pump, "two ", 4), 0);
    assert_int_equal(drive(&h, SIZE_MAX), PUMP_ENDED);
    assert_int_equal(h.pump.bytes, 13);
    assert_memory_equal(h.got, "one two three", 13);
    close_half(&h);
}

/* Descriptors that others share */

static void test_shared_keep_their_flags(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int in = dup(ends[0]), out = dup(ends[1]);
    struct stream s;
    stream_init_shared(&s, in, out);
    char byte;
    assert_int_equal(stream_read(&s, &byte, 1), -EAGAIN); /* doesn't block */
    assert_false(s.can_read);
    assert_int_equal(stream_write(&s, "x", 1, false), 1);
    s.can_read = true;
    assert_int_equal(stream_read(&s, &byte, 1), 1);
    assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    stream_close(NULL, &s);
    close(ends[0]);
    close(ends[1]);
}

/* A blocking socket, as inetd gives it: splice would block whatever its flags say. */
static void test_shared_socket_never_blocks(void **state)
{
    (void)state;
    for (int to = UNIX; to <= PIPE; to++) {
        struct half h;
        int ends[2];
        open_half(&h, PIPE, (enum end)to, "");
        stream_close(NULL, &h.from);
        make_unix(ends);
        fcntl(ends[0], F_SETFL, O_RDWR);
        stream_init_shared(&h.from, ends[0], ends[0]);
        assert_false(stream_is_plain(&h.from));
        alarm(10);
        assert_int_equal(pump_run(&h.pump, scratch, SIZE_MAX, 1), PUMP_WAITS);
        alarm(0);
        close(ends[1]);
        close_half(&h);
    }
}

/* /proc/self/fd of a master is a new terminal's master (pts(4)). */
static void test_shared_master_stays_itself(void **state)
{
    (void)state;
    int ends[2];
    make_pty(ends);
    struct stream s;
    stream_init_shared(&s, ends[0], ends[0]);
    assert_int_equal(s.in, ends[0]);
    assert_int_equal(write(ends[1], "x", 1), 1);
    char byte = 0;
    assert_int_equal(stream_read(&s, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    assert_int_equal(stream_read(&s, &byte, 1), -EAGAIN);
    close(ends[1]);
    s.can_read = true;
    assert_int_equal(stream_read(&s, &byte, 1), 0); /* EIO: the terminal was closed */
    stream_close(NULL, &s);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pair_of_kinds),
        cmocka_unit_test(test_slow_readers),
        cmocka_unit_test(test_falls_back_to_copying),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_urgent_data_does_not_spin),
        cmocka_unit_test(test_a_writer_that_takes_nothing),
        cmocka_unit_test(test_broken_pipe),
        cmocka_unit_test(test_reset_is_the_readers),
        cmocka_unit_test(test_no_reader_is_an_end),
        cmocka_unit_test(test_no_writer_is_a_broken_pipe),
        cmocka_unit_test(test_left),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_rate_alone),
        cmocka_unit_test(test_gathers_bulk),
        cmocka_unit_test(test_gathers_for_nobody_else),
        cmocka_unit_test(test_pipe_while_bulk),
        cmocka_unit_test(test_hooks_in_a_row),
        cmocka_unit_test(test_hooks_hear_of_the_end_at_left),
        cmocka_unit_test(test_hook_that_refuses),
        cmocka_unit_test(test_put_goes_first),
        cmocka_unit_test(test_shared_keep_their_flags),
        cmocka_unit_test(test_shared_socket_never_blocks),
        cmocka_unit_test(test_shared_master_stays_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
