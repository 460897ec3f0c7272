#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/err.h"
#include "flow/pair.h"
#include "flow/tls.h"
#include "flow_ends.h"

enum { BULK = 3 << 20, MIB = 1 << 20 };

static char scratch[PUMP_SCRATCH];

/* Two ends of a connection in one loop, and what became of them. */
struct end {
    struct scene *scene;
    struct tls_context *context;
    struct tls_handshake handshake;
    struct stream s;
    struct tls_fault fault;
    struct err error;
    bool done;
};

struct scene {
    struct loop loop;
    struct end client, server;
    bool alone; /* the server's end is the test's */
};

static const char *self_name = "localhost";

static struct tls_context *context(const struct tls_config *config)
{
    struct tls_context *c = NULL;
    struct err e = {0};
    if (tls_context_new(config, &c, &e) < 0)
        err_print(&e, stderr);
    assert_non_null(c);
    return c;
}

static struct tls_context *server_context(void)
{
    struct vec names = VEC_INIT(const char *);
    vec_add(&names, &self_name);
    struct tls_context *c = context(
        &(struct tls_config){.role = TLS_SERVER, .self_signed = &names, .alpn = "h2,echo/1"});
    vec_free(&names);
    return c;
}

static void ignore(struct loop *l, struct stream *s)
{
    (void)s;
    loop_stop(l);
}

static void shaken(struct loop *l, struct tls_handshake *h, const struct err *e)
{
    struct end *end = (struct end *)((char *)h - offsetof(struct end, handshake));
    struct scene *scene = end->scene;
    end->done = true;
    if (e)
        end->error = *e;
    else
        tls_handshake_take(l, h, &end->s, &end->fault);
    if (scene->alone || (scene->client.done && scene->server.done))
        loop_stop(l);
}

static void begin(struct scene *s, struct end *end, struct tls_context *c, int fd, const char *name,
                  uint64_t timeout_ms)
{
    struct err e = {0};
    const struct tls_peer_name peer = {.who = "peer", .name = name};
    end->scene = s;
    end->context = c;
    end->handshake.done = shaken;
    int result = tls_handshake_start(&s->loop, &end->handshake, c, fd, &peer, timeout_ms, &e);
    assert_int_equal(result, 0);
}

static void shake_hands(struct scene *s, struct tls_context *server, struct tls_context *client,
                        const char *name)
{
    int fds[2];
    *s = (struct scene){0};
    assert_int_equal(loop_init(&s->loop), 0);
    make_tcp(fds);
    begin(s, &s->server, server, fds[0], NULL, 0);
    begin(s, &s->client, client, fds[1], name, 0);
    assert_int_equal(loop_run(&s->loop), 0);
}

static void close_scene(struct scene *s)
{
    stream_close(&s->loop, &s->client.s);
    stream_close(&s->loop, &s->server.s);
    tls_handshake_drop(&s->loop, &s->client.handshake);
    tls_handshake_drop(&s->loop, &s->server.handshake);
    loop_clear(&s->loop);
    tls_context_free(s->client.context);
    tls_context_free(s->server.context);
}

static struct tls_context *client_context(struct tls_context *server)
{
    return context(
        &(struct tls_config){.role = TLS_CLIENT,
                             .peer = TLS_PEER_VERIFIED,
                             .fingerprint = server ? tls_context_fingerprint(server) : NULL,
                             .alpn = "echo/1"});
}

static void open_scene(struct scene *s)
{
    struct tls_context *server = server_context();
    shake_hands(s, server, client_context(server), "localhost");
    assert_int_equal(s->client.error.code, 0);
    assert_int_equal(s->server.error.code, 0);
}

/* Waits for the stream with the loop, as its owner does. */
static ssize_t read_some(struct scene *s, struct stream *from, void *to, size_t n)
{
    ssize_t got;
    from->ready = ignore;
    while ((got = stream_read(from, to, n)) == -EAGAIN)
        assert_int_equal(loop_run(&s->loop), 0);
    return got;
}

static void start_streams(struct scene *s)
{
    s->client.s.ready = s->server.s.ready = ignore;
    assert_int_equal(stream_start(&s->loop, &s->client.s), 0);
    assert_int_equal(stream_start(&s->loop, &s->server.s), 0);
}

static void test_words_both_ways_and_ends(void **state)
{
    (void)state;
    struct scene s;
    char got[64];
    open_scene(&s);
    start_streams(&s);
    assert_int_equal(stream_write(&s.client.s, "hello", 5, false), 5);
    assert_int_equal(read_some(&s, &s.server.s, got, sizeof got), 5);
    assert_memory_equal(got, "hello", 5);
    assert_int_equal(stream_finish(&s.loop, &s.client.s), 0);
    assert_int_equal(read_some(&s, &s.server.s, got, sizeof got), 0);
    /* The answer comes through after the half-close. */
    assert_int_equal(stream_write(&s.server.s, "answer", 6, false), 6);
    assert_int_equal(read_some(&s, &s.client.s, got, sizeof got), 6);
    assert_int_equal(stream_finish(&s.loop, &s.server.s), 0);
    assert_int_equal(read_some(&s, &s.client.s, got, sizeof got), 0);
    assert_int_equal(s.client.fault.kind, TLS_FAULT_NONE);
    close_scene(&s);
}

static void test_an_end_without_goodbye_is_told(void **state)
{
    (void)state;
    struct scene s;
    char got[64];
    open_scene(&s);
    start_streams(&s);
    assert_int_equal(stream_write(&s.client.s, "cut", 3, false), 3);
    assert_int_equal(shutdown(s.client.s.out, SHUT_WR), 0);
    assert_int_equal(read_some(&s, &s.server.s, got, sizeof got), 3);
    assert_int_equal(read_some(&s, &s.server.s, got, sizeof got), 0);
    assert_int_equal(s.server.fault.kind, TLS_FAULT_CUT);
    assert_non_null(strstr(tls_fault_words(s.server.fault), "close_notify"));
    /* The answer still goes through. */
    assert_int_equal(stream_write(&s.server.s, "answer", 6, false), 6);
    assert_int_equal(read_some(&s, &s.client.s, got, sizeof got), 6);
    close_scene(&s);
}

static void test_what_was_agreed_on(void **state)
{
    (void)state;
    struct scene s;
    struct tls_info i;
    open_scene(&s);
    assert_int_equal(tls_info_get(s.client.context, &s.client.s, &i), 0);
    assert_string_equal(i.version, "TLSv1.3");
    assert_string_equal(i.alpn, "echo/1");
    assert_string_equal(i.sni, "localhost");
    assert_string_equal(i.verified, "");
    assert_int_equal(i.chain.len, 1);
    const struct tls_certificate *c = vec_at(&i.chain, 0);
    assert_string_equal(c->subject, "CN=localhost");
    assert_string_equal(c->names, "localhost");
    assert_string_equal(c->fingerprint, tls_context_fingerprint(s.server.context));
    assert_string_equal(c->key, "EC prime256v1");
    assert_true(c->self_signed);
    assert_true(c->from < c->until);
    tls_info_clear(&i);
    struct stream plain;
    stream_init_own(&plain, -1, -1);
    assert_int_equal(tls_info_get(s.client.context, &plain, &i), -EINVAL);
    assert_int_equal(tls_info_get(s.server.context, &s.server.s, &i), 0);
    assert_string_equal(i.verified, "it showed no certificate");
    tls_info_clear(&i);
    close_scene(&s);
}

static void refused(struct tls_context *server, struct tls_context *client, const char *name,
                    const char *client_says, const char *server_says)
{
    struct scene s;
    shake_hands(&s, server, client, name);
    if (client_says && !strstr(s.client.error.hint, client_says))
        fail_msg("client: %s", s.client.error.hint);
    if (server_says && !strstr(s.server.error.hint, server_says))
        fail_msg("server: %s", s.server.error.hint);
    close_scene(&s);
}

static void test_refusals_in_words(void **state)
{
    (void)state;
    struct tls_context *other = server_context();
    refused(server_context(), client_context(NULL), "localhost", "self-signed", NULL);
    refused(server_context(), client_context(other), "localhost", "fingerprint is", NULL);
    tls_context_free(other);
    refused(server_context(), context(&(struct tls_config){.role = TLS_CLIENT, .alpn = "nonsense"}),
            NULL, "no_application_protocol", "--tls-alpn");
}

static void test_anything_goes_where_nothing_is_asked(void **state)
{
    (void)state;
    struct scene s;
    struct tls_info i;
    shake_hands(&s, server_context(), context(&(struct tls_config){.role = TLS_CLIENT}), "wrong");
    assert_int_equal(s.client.error.code, 0);
    assert_int_equal(tls_info_get(s.client.context, &s.client.s, &i), 0);
    assert_non_null(strstr(i.verified, "self-signed"));
    tls_info_clear(&i);
    close_scene(&s);
}

/* A peer that says nothing, and one that says something else. */
static void meet(const char *says, bool ends, uint64_t timeout_ms, int code, const char *words)
{
    struct scene s = {.alone = true};
    int fds[2];
    assert_int_equal(loop_init(&s.loop), 0);
    make_tcp(fds);
    begin(&s, &s.client, client_context(NULL), fds[1], "localhost", timeout_ms);
    if (says)
        assert_int_equal(write(fds[0], says, strlen(says)), strlen(says));
    if (ends)
        shutdown(fds[0], SHUT_WR);
    assert_int_equal(loop_run(&s.loop), 0);
    assert_int_equal(s.client.error.code, code);
    if (!strstr(s.client.error.hint, words))
        fail_msg("%s", s.client.error.hint);
    close(fds[0]);
    close_scene(&s);
}

static void test_peers_that_speak_no_tls(void **state)
{
    (void)state;
    meet("HTTP/1.1 400 Bad Request\r\n\r\n", false, 0, EPROTO, "isn't TLS");
    meet(NULL, true, 0, EPROTO, "does it speak TLS?");
    meet(NULL, false, 50, ETIMEDOUT, "in time");
    meet("\x16", false, 50, ETIMEDOUT, "in time");
}

/* Bulk through pairs, with a small send buffer: what a write left over is given again. */
static void pair_over(struct loop *l, struct pair *p)
{
    (void)p;
    loop_stop(l);
}

static void test_bulk_both_ways(void **state)
{
    (void)state;
    struct scene s;
    struct pair p;
    char *bytes = make_bytes(BULK), *back = malloc(BULK);
    int small = 4096;
    open_scene(&s);
    setsockopt(s.client.s.out, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    setsockopt(s.server.s.out, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    pid_t child = fork();
    if (child == 0) {
        /* The server's end is a process of its own, which echoes when all has come. */
        size_t n = 0;
        ssize_t got;
        struct loop l;
        loop_init(&l);
        s.server.s.ready = ignore;
        stream_start(&l, &s.server.s);
        while (n < BULK) {
            got = stream_read(&s.server.s, back + n, BULK - n);
            if (got == -EAGAIN)
                loop_run(&l);
            else if (got <= 0)
                _exit(1);
            else
                n += (size_t)got;
        }
        for (n = 0; n < BULK;) {
            got = stream_write(&s.server.s, back + n, BULK - n, false);
            if (got == -EAGAIN)
                loop_run(&l);
            else if (got <= 0)
                _exit(2);
            else
                n += (size_t)got;
        }
        while (stream_finish(&l, &s.server.s) == -EAGAIN)
            loop_run(&l);
        while ((got = stream_read(&s.server.s, back, BULK)) == -EAGAIN)
            loop_run(&l);
        _exit(got == 0 ? 0 : 3);
    }
    stream_close(NULL, &s.server.s);
    pair_init(&p);
    int from = make_file(bytes, BULK), to = make_file("", 0);
    stream_init_own(&p.a, from, to);
    p.b = s.client.s;
    s.client.s = (struct stream){0};
    p.over = pair_over;
    assert_int_equal(pair_start(&s.loop, &p, scratch), 0);
    assert_int_equal(loop_run(&s.loop), 0);
    assert_int_equal(p.why, PAIR_BOTH_ENDED);
    assert_int_equal(p.ab.bytes, BULK);
    assert_int_equal(p.ba.bytes, BULK);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    free(bytes);
    free(back);
    close_scene(&s);
}

static void test_contexts_that_cannot_be(void **state)
{
    (void)state;
    static const struct {
        struct tls_config config;
        const char *words;
    } cases[] = {
        {{.role = TLS_CLIENT, .fingerprint = "12:34"}, "32 pairs"},
        {{.role = TLS_CLIENT, .alpn = "h2,,x"}, "1 to 255"},
        {{.role = TLS_CLIENT, .alpn = ""}, "1 to 255"},
        {{.role = TLS_SERVER, .certificate = "/dev/null"}, "no certificate in it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tls_context *c = NULL;
        struct err e = {0};
        assert_true(tls_context_new(&cases[i].config, &c, &e) < 0);
        assert_null(c);
        if (!strstr(e.hint, cases[i].words))
            fail_msg("%s", e.hint);
    }
    struct err e = {0};
    struct tls_context *c;
    const struct tls_config missing = {.role = TLS_SERVER, .certificate = "/nonexistent"};
    assert_int_equal(tls_context_new(&missing, &c, &e), -ENOENT);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_both_ways_and_ends),
        cmocka_unit_test(test_an_end_without_goodbye_is_told),
        cmocka_unit_test(test_what_was_agreed_on),
        cmocka_unit_test(test_refusals_in_words),
        cmocka_unit_test(test_anything_goes_where_nothing_is_asked),
        cmocka_unit_test(test_peers_that_speak_no_tls),
        cmocka_unit_test(test_bulk_both_ways),
        cmocka_unit_test(test_contexts_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
