#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "flow/pair.h"
#include "flow/peers.h"
#include "flow/solo.h"
#include "flow_ends.h"

enum { MS = 1000000 };

static char scratch[PUMP_SCRATCH];

static int bound_udp(const char *address, struct sockaddr_in *ret)
{
    socklen_t n = sizeof *ret;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *ret = (struct sockaddr_in){.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, address, &ret->sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)ret, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &n), 0);
    return fd;
}

/* Two UDP sockets connected to each other. */
static void make_udp(int ret[2])
{
    struct sockaddr_in a[2];
    int large = 4 << 20;
    for (int i = 0; i < 2; i++) {
        ret[i] = bound_udp("127.0.0.1", &a[i]);
        setsockopt(ret[i], SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(connect(ret[i], (struct sockaddr *)&a[1 - i], sizeof *a), 0);
}

static void make_unix_dgram(int ret[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret), 0);
}

static void make_seqpacket(int ret[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret), 0);
}

static bool waits_for(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 5000) == 1;
}

static size_t next_size(int fd)
{
    static char got[1 << 20];
    assert_true(waits_for(fd));
    ssize_t n = recv(fd, got, sizeof got, 0);
    assert_true(n >= 0);
    return (size_t)n;
}

/* Between two sockets of datagrams */

struct scene {
    struct loop loop;
    struct pair pair;
    struct dgram a, b;
    int far_a, far_b;
    struct loop_timer end;
};

static void is_over(struct loop *l, struct pair *p)
{
    (void)p;
    loop_stop(l);
}

static void time_is_over(struct loop *l, struct loop_timer *t)
{
    (void)t;
    loop_stop(l);
}

static void open_scene(struct scene *s, void (*make_a)(int ret[2]), void (*make_b)(int ret[2]))
{
    int a[2], b[2];
    *s = (struct scene){.end.fire = time_is_over};
    assert_int_equal(loop_init(&s->loop), 0);
    make_a(a);
    make_b(b);
    pair_init(&s->pair);
    s->pair.over = is_over;
    dgram_init_stream(&s->a, &s->pair.a, a[0]);
    dgram_init_stream(&s->b, &s->pair.b, b[0]);
    dgram_join(&s->pair, &s->a, &s->b);
    s->far_a = a[1];
    s->far_b = b[1];
}

static void run_for(struct loop *l, struct loop_timer *t, uint64_t ms)
{
    t->fire = time_is_over;
    l->now_ns = 0; /* it is old by now */
    loop_timer_set(l, t, 0);
    assert_int_equal(loop_run(l), 0);
    loop_timer_after(l, t, ms * MS);
    assert_int_equal(loop_run(l), 0);
}

static void close_scene(struct scene *s)
{
    pair_stop(&s->loop, &s->pair);
    close(s->far_a);
    if (s->far_b >= 0)
        close(s->far_b);
    loop_timer_stop(&s->loop, &s->end);
    loop_clear(&s->loop);
}

static const uint32_t sizes[] = {1, 1400, 1400, 1400, 700, 0, 9000, 1, 2, 3, 1400, 1400, 65507, 5};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void test_boundaries(void **state)
{
    (void)state;
    static void (*const makes[])(int ret[2]) = {make_udp, make_unix_dgram};
    static char bytes[65507];
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            struct scene s;
            open_scene(&s, makes[a], makes[b]);
            assert_int_equal(pair_start(&s.loop, &s.pair, scratch), 0);
            for (int i = 0; i < SIZES; i++) {
                assert_int_equal(send(s.far_a, bytes, sizes[i], 0), sizes[i]);
                run_for(&s.loop, &s.end, 1);
            }
            run_for(&s.loop, &s.end, 5);
            for (int i = 0; i < SIZES; i++)
                assert_int_equal(next_size(s.far_b), sizes[i]);
            assert_int_equal(s.b.out.lost, 0);
            assert_int_equal(s.a.datagrams_in, SIZES);
            assert_int_equal(s.b.out.datagrams, SIZES);
            assert_int_equal(s.a.truncated, 0);
            close_scene(&s);
        }
}

/* Equal ones come together and go together, and are what they were. */
static void test_runs(void **state)
{
    (void)state;
    enum { RUN = 40 };
    for (int uncut = 0; uncut < 2; uncut++) {
        struct scene s;
        static char bytes[RUN * 1000 + 7];
        open_scene(&s, make_udp, make_udp);
        s.b.way.uncut = uncut;
        struct dgram_way way = {.fd = s.far_a, .udp = true};
        struct dgram_count count = {0};
        memset(bytes, 'x', sizeof bytes);
        assert_int_equal(dgram_send(&way, bytes, sizeof bytes, 1000, &count), sizeof bytes);
        assert_int_equal(count.datagrams, RUN + 1);
        assert_int_equal(pair_start(&s.loop, &s.pair, scratch), 0);
        run_for(&s.loop, &s.end, 5);
        assert_int_equal(s.a.datagrams_in, RUN + 1);
        assert_int_equal(s.b.out.datagrams, RUN + 1);
        for (int i = 0; i < RUN; i++)
            assert_int_equal(next_size(s.far_b), 1000);
        assert_int_equal(next_size(s.far_b), 7);
        close_scene(&s);
    }
}

static void test_refusal(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, make_udp, make_udp);
    close(s.far_b);
    s.far_b = -1;
    assert_int_equal(send(s.far_a, "x", 1, 0), 1);
    assert_int_equal(pair_start(&s.loop, &s.pair, scratch), 0);
    assert_int_equal(loop_run(&s.loop), 0);
    assert_int_equal(s.pair.why, PAIR_B_FAILED);
    assert_int_equal(s.pair.error, ECONNREFUSED);
    close_scene(&s);
}

static void test_packets_end(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, make_seqpacket, make_seqpacket);
    assert_int_equal(pair_start(&s.loop, &s.pair, scratch), 0);
    send(s.far_a, "one", 3, 0);
    send(s.far_a, "three", 5, 0);
    shutdown(s.far_a, SHUT_WR);
    shutdown(s.far_b, SHUT_WR);
    assert_int_equal(loop_run(&s.loop), 0);
    assert_int_equal(s.pair.why, PAIR_BOTH_ENDED);
    assert_int_equal(next_size(s.far_b), 3);
    assert_int_equal(next_size(s.far_b), 5);
    assert_int_equal(next_size(s.far_b), 0);
    close_scene(&s);
}

/* Between datagrams and a stream of bytes */

static void test_bytes_are_cut(void **state)
{
    (void)state;
    struct scene s;
    static char bytes[3000];
    open_scene(&s, make_udp, make_udp);
    stream_close(NULL, &s.pair.a);
    stream_init_own(&s.pair.a, make_file(bytes, sizeof bytes), -1);
    s.pair.ab.chosen = s.pair.ab.copies = false;
    dgram_join(&s.pair, NULL, &s.b);
    assert_int_equal(pair_start(&s.loop, &s.pair, scratch), 0);
    run_for(&s.loop, &s.end, 2);
    assert_int_equal(next_size(s.far_b), DGRAM_SIZE);
    assert_int_equal(next_size(s.far_b), DGRAM_SIZE);
    assert_int_equal(next_size(s.far_b), 3000 - 2 * DGRAM_SIZE);
    close_scene(&s);
}

/* With little room nothing is cut off, and an empty datagram is no end. */
static void test_short_reads(void **state)
{
    (void)state;
    int ends[2];
    struct dgram d;
    struct stream s;
    char got[16];
    make_udp(ends);
    dgram_init_stream(&d, &s, ends[0]);
    send(ends[1], "hello", 5, 0);
    send(ends[1], "", 0, 0);
    send(ends[1], "world", 5, 0);
    assert_int_equal(stream_read(&s, got, 3), 3);
    assert_int_equal(stream_read(&s, got + 3, 13), 2);
    assert_int_equal(stream_read(&s, got + 5, 11), 5);
    assert_memory_equal(got, "helloworld", 10);
    assert_int_equal(stream_read(&s, got, 11), -EAGAIN);
    stream_close(NULL, &s);
    close(ends[1]);
}

/* Peers */

struct client {
    struct peer peer;
    struct solo solo;
    bool used;
};

struct hall {
    struct loop loop;
    struct loop_timer end;
    struct peers peers;
    struct accept_shared shared;
    struct client clients[8];
    uint64_t idle_ns;
    int came, gone, refused;
    enum accept_refusal why;
    char from[64], to[64];
};

static struct hall *hall_of(struct loop *l)
{
    return (struct hall *)l;
}

static void client_is_over(struct loop *l, struct solo *c)
{
    (void)c;
    hall_of(l)->gone++;
    accept_gone(&hall_of(l)->shared);
}

static struct peer *client_came(struct loop *l, struct peers *p, const struct peer *heard)
{
    struct hall *h = hall_of(l);
    struct client *c = &h->clients[h->came++];
    (void)p;
    solo_init(&c->solo, NULL);
    c->solo.over = client_is_over;
    c->solo.idle_ns = h->idle_ns;
    peer_init(&c->peer, heard, &c->solo.s);
    dgram_join_pump(&c->solo.pump, &c->peer.dgram, &c->peer.dgram);
    assert_int_equal(solo_start(l, &c->solo, scratch), 0);
    return &c->peer;
}

static void client_refused(struct loop *l, struct peers *p, const struct peer *peer,
                           enum accept_refusal why)
{
    (void)p, (void)peer;
    hall_of(l)->refused++;
    hall_of(l)->why = why;
}

static void open_hall(struct hall *h, int fd)
{
    *h = (struct hall){.peers = {.fd = fd, .came = client_came, .refused = client_refused}};
    h->peers.shared = &h->shared;
    h->idle_ns = UINT64_C(50) * MS;
    assert_int_equal(loop_init(&h->loop), 0);
    assert_int_equal(peers_start(&h->loop, &h->peers), 0);
}

static void close_hall(struct hall *h)
{
    peers_stop(&h->loop, &h->peers);
    run_for(&h->loop, &h->end, 1);
    assert_int_equal(h->gone, h->came);
    assert_int_equal(h->shared.clients, 0);
    assert_int_equal(h->peers.queued, 0);
    assert_int_equal(h->peers.n, 0);
    loop_timer_stop(&h->loop, &h->end);
    loop_clear(&h->loop);
}

static void test_echo_to_each(void **state)
{
    (void)state;
    struct hall h;
    struct sockaddr_in to, from;
    int fds[3];
    open_hall(&h, bound_udp("127.0.0.1", &to));
    for (int i = 0; i < 3; i++) {
        fds[i] = bound_udp("127.0.0.1", &from);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&to, sizeof to), 0);
        for (int n = 0; n <= 3; n++)
            assert_int_equal(send(fds[i], "abc", (size_t)n, 0), n);
    }
    run_for(&h.loop, &h.end, 5);
    assert_int_equal(h.came, 3);
    assert_int_equal(h.peers.n, 3);
    for (int i = 0; i < 3; i++)
        for (size_t n = 0; n <= 3; n++)
            assert_int_equal(next_size(fds[i]), n);
    run_for(&h.loop, &h.end, 100);
    assert_int_equal(h.gone, 3); /* idle */
    assert_int_equal(h.peers.n, 0);
    assert_int_equal(send(fds[0], "again", 5, 0), 5);
    run_for(&h.loop, &h.end, 5);
    assert_int_equal(h.came, 4);
    assert_int_equal(next_size(fds[0]), 5);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close_hall(&h);
}

/* The answer comes from the address that was asked. */
static void test_answers_from_where_it_was_asked(void **state)
{
    (void)state;
    struct hall h;
    struct sockaddr_in to, from;
    open_hall(&h, bound_udp("0.0.0.0", &to));
    int fd = bound_udp("127.0.0.1", &from);
    for (uint32_t i = 1; i <= 3; i++) {
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
        assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to), 1);
        run_for(&h.loop, &h.end, 5);
        struct sockaddr_in back;
        socklen_t n = sizeof back;
        char byte;
        assert_true(waits_for(fd));
        assert_int_equal(recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&back, &n), 1);
        assert_int_equal(back.sin_addr.s_addr, to.sin_addr.s_addr);
    }
    assert_int_equal(h.came, 3);
    close(fd);
    close_hall(&h);
}

static void test_no_more_than_may_come(void **state)
{
    (void)state;
    struct hall h;
    struct sockaddr_in to, from;
    open_hall(&h, bound_udp("127.0.0.1", &to));
    h.shared.max = 1;
    int fds[2] = {bound_udp("127.0.0.1", &from), bound_udp("127.0.0.1", &from)};
    for (int i = 0; i < 2; i++)
        sendto(fds[i], "x", 1, 0, (struct sockaddr *)&to, sizeof to);
    run_for(&h.loop, &h.end, 5);
    assert_int_equal(h.came, 1);
    assert_int_equal(h.refused, 1);
    assert_int_equal(h.why, ACCEPT_FULL);
    h.peers.closed = true;
    h.shared.max = 0;
    sendto(fds[1], "x", 1, 0, (struct sockaddr *)&to, sizeof to);
    run_for(&h.loop, &h.end, 5);
    assert_int_equal(h.came, 1);
    close(fds[0]);
    close(fds[1]);
    close_hall(&h);
}

/* More than FIRST_BUCKETS of them: the table grows, and each keeps its own. */
static struct peer *kept(struct loop *l, struct peers *p, const struct peer *heard)
{
    struct peer **all = p->owner;
    struct stream *s = calloc(1, sizeof *s);
    struct peer *peer = calloc(1, sizeof *peer);
    (void)l;
    peer_init(peer, heard, s);
    all[p->n - 1] = peer;
    return peer;
}

static void test_many_peers(void **state)
{
    (void)state;
    enum { MANY = 300 };
    struct peer *all[MANY] = {0};
    struct hall h;
    struct sockaddr_in to, from;
    open_hall(&h, bound_udp("127.0.0.1", &to));
    h.peers.came = kept;
    h.peers.owner = all;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < MANY; i++) {
            struct sockaddr_in source = {.sin_family = AF_INET};
            source.sin_addr.s_addr = htonl(0x7f010000 + (uint32_t)i);
            source.sin_port = htons(40000);
            int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
            int on = 1;
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
            assert_int_equal(bind(fd, (struct sockaddr *)&source, sizeof source), 0);
            sendto(fd, &i, sizeof i, 0, (struct sockaddr *)&to, sizeof to);
            close(fd);
            if (i % 50 == 49)
                run_for(&h.loop, &h.end, 1);
        }
    run_for(&h.loop, &h.end, 5);
    (void)from;
    assert_int_equal(h.peers.n, MANY);
    for (int i = 0; i < MANY; i++) {
        int got[4];
        assert_int_equal(stream_read(all[i]->stream, got, sizeof got), 2 * sizeof *got);
        assert_int_equal(got[0], got[1]);
        assert_int_equal(all[i]->dgram.datagrams_in, 2);
    }
    for (int i = 0; i < MANY; i += 2) {
        stream_close(NULL, all[i]->stream);
        accept_gone(&h.shared);
    }
    assert_int_equal(h.peers.n, MANY / 2);
    peers_stop(&h.loop, &h.peers);
    for (int i = 0; i < MANY; i++) {
        char byte;
        if (i % 2) {
            assert_int_equal(stream_read(all[i]->stream, &byte, 1), 0);
            assert_int_equal(stream_write(all[i]->stream, &byte, 1, false), -EPIPE);
            stream_close(NULL, all[i]->stream);
            accept_gone(&h.shared);
        }
        free(all[i]->stream);
        free(all[i]);
    }
    close_hall(&h);
}

/* Nobody reads: what doesn't fit is counted, and memory is bounded. */
static void test_a_queue_that_is_full(void **state)
{
    (void)state;
    struct peer *all[1] = {0};
    static char bytes[60000];
    struct hall h;
    struct sockaddr_in to, from;
    open_hall(&h, bound_udp("127.0.0.1", &to));
    h.peers.came = kept;
    h.peers.owner = all;
    int fd = bound_udp("127.0.0.1", &from);
    for (int i = 0; i < 100; i++) {
        sendto(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&to, sizeof to);
        run_for(&h.loop, &h.end, 1);
    }
    run_for(&h.loop, &h.end, 5);
    assert_int_equal(all[0]->dgram.datagrams_in, PEER_QUEUE_MAX / sizeof bytes);
    assert_int_equal(all[0]->dgram.lost, 100 - PEER_QUEUE_MAX / sizeof bytes);
    stream_close(NULL, all[0]->stream);
    accept_gone(&h.shared);
    free(all[0]->stream);
    free(all[0]);
    close(fd);
    close_hall(&h);
}

/* The only peer hears for itself; when it is read no more, others are heard all the same. */
static void test_one_that_stops_reading(void **state)
{
    (void)state;
    struct peer *all[2] = {0};
    static char room[DGRAM_ROOM];
    struct hall h;
    struct sockaddr_in to, from;
    open_hall(&h, bound_udp("127.0.0.1", &to));
    h.peers.came = kept;
    h.peers.owner = all;
    int only = bound_udp("127.0.0.1", &from), other = bound_udp("127.0.0.1", &from);
    for (int i = 0; i < 3; i++) {
        sendto(only, "mine", 4, 0, (struct sockaddr *)&to, sizeof to);
        run_for(&h.loop, &h.end, 1);
        assert_int_equal(stream_read(all[0]->stream, room, sizeof room), 4);
    }
    assert_int_equal(h.peers.queued, 0);
    sendto(other, "theirs", 6, 0, (struct sockaddr *)&to, sizeof to);
    run_for(&h.loop, &h.end, 1);
    assert_int_equal(h.peers.n, 2);
    assert_int_equal(stream_read(all[1]->stream, room, sizeof room), 6);
    for (size_t i = 0; i < 2; i++) {
        stream_close(NULL, all[i]->stream);
        accept_gone(&h.shared);
        free(all[i]->stream);
        free(all[i]);
    }
    close(only);
    close(other);
    close_hall(&h);
}

/* UNIX: one with a name is answered, also when his queue was full; one without can't be. */
static void test_unix_peers(void **state)
{
    (void)state;
    enum { MANY = 100 };
    struct hall h;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    socklen_t n = sizeof to;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof to.sun_family), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &n), 0);
    open_hall(&h, fd);
    h.idle_ns = UINT64_C(10000) * MS;
    int named = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int unnamed = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr any = {.sa_family = AF_UNIX};
    assert_int_equal(bind(named, &any, sizeof any.sa_family), 0);
    assert_int_equal(sendto(unnamed, "x", 1, 0, (struct sockaddr *)&to, n), 1);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(sendto(named, "xyz", 3, 0, (struct sockaddr *)&to, n), 3);
        run_for(&h.loop, &h.end, 1);
    }
    assert_int_equal(h.came, 2);
    for (int i = 0; i < MANY; i++) {
        char got[8];
        while (recv(named, got, sizeof got, 0) != 3)
            run_for(&h.loop, &h.end, 3);
    }
    close(named);
    close(unnamed);
    close_hall(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boundaries),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_packets_end),
        cmocka_unit_test(test_bytes_are_cut),
        cmocka_unit_test(test_short_reads),
        cmocka_unit_test(test_echo_to_each),
        cmocka_unit_test(test_answers_from_where_it_was_asked),
        cmocka_unit_test(test_no_more_than_may_come),
        cmocka_unit_test(test_many_peers),
        cmocka_unit_test(test_a_queue_that_is_full),
        cmocka_unit_test(test_one_that_stops_reading),
        cmocka_unit_test(test_unix_peers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
