#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "kernel/bpf/merge.h"

static void add_task(struct buf *b, uint32_t pid)
{
    struct bpf_task_chunk task = {
        .chunk = {sizeof task, BPF_TAG_TASK}, .pid = pid, .start_ns = 7, .euid = 33};
    memcpy(task.comm, "server", 6);
    buf_add(b, &task, sizeof task);
}

static struct bpf_sock_chunk sock_of(uint32_t inode, uint8_t state, uint32_t fd, uint32_t holders)
{
    return (struct bpf_sock_chunk){
        .chunk = {BPF_SOCK_SIZE_ADDR4, BPF_TAG_SOCK},
        .family = AF_INET,
        .state = state,
        .kind = BPF_KIND_TCP,
        .lport = 4444,
        .flags = BPF_SOCK_HAS_ADDR4,
        .fd = fd,
        .holders = holders,
        .inode = inode,
        .addr = {htonl(INADDR_LOOPBACK)},
    };
}

static void add_sock(struct buf *b, uint32_t inode, uint8_t state, uint32_t fd, uint32_t holders)
{
    struct bpf_sock_chunk sock = sock_of(inode, state, fd, holders);
    buf_add(b, &sock, sock.chunk.size);
}

/* The rows as text: "inode:state[pid/fd pid/fd] ". */
static int note_row(void *ctx, const struct net_socket *s)
{
    struct buf *out = ctx;
    buf_printf(out, "%u:%s[", (unsigned)s->inode, net_state_name(s->state));
    for (uint32_t i = 0; i < s->n_owners; i++)
        buf_printf(out, "%s%d/%d", i ? " " : "", s->owners[i].pid, s->owners[i].fd);
    buf_str(out, "] ");
    return 0;
}

static void expect_rows(struct buf *bytes, bool listeners_first, const char *expected)
{
    struct bpf_merge m;
    struct buf rows = BUF_INIT(4096);
    bpf_merge_init(&m, note_row, &rows, listeners_first);
    assert_int_equal(bpf_merge_feed(&m, bytes->data, bytes->len), 0);
    assert_int_equal(bpf_merge_end(&m), 0);
    assert_string_equal(buf_cstr(&rows), expected);
    bpf_merge_clear(&m);
    buf_free(&rows);
    buf_free(bytes);
}

static void test_single_holders_in_order(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(4096);
    add_task(&b, 100);
    add_sock(&b, 1, NET_ESTABLISHED, 3, 1);
    add_sock(&b, 2, NET_LISTEN, 4, 1);
    add_task(&b, 200);
    add_sock(&b, 3, NET_ESTABLISHED, 3, 1);
    expect_rows(&b, false, "1:ESTABLISHED[100/3] 2:LISTEN[100/4] 3:ESTABLISHED[200/3] ");
}

static void test_listeners_first(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(4096);
    add_task(&b, 100);
    add_sock(&b, 1, NET_ESTABLISHED, 3, 1);
    add_sock(&b, 2, NET_LISTEN, 4, 1);
    add_task(&b, 200);
    add_sock(&b, 3, NET_ESTABLISHED, 3, 1);
    add_sock(&b, 4, NET_LISTEN, 5, 1);
    expect_rows(&b, true,
                "2:LISTEN[100/4] 4:LISTEN[200/5] 1:ESTABLISHED[100/3] 3:ESTABLISHED[200/3] ");
}

static void test_shared_is_one_row(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(4096);
    add_task(&b, 100);
    add_sock(&b, 1, NET_LISTEN, 3, 2);
    add_sock(&b, 2, NET_ESTABLISHED, 4, 3);
    add_task(&b, 200);
    add_sock(&b, 1, NET_LISTEN, 3, 2);
    add_sock(&b, 2, NET_ESTABLISHED, 9, 3); /* the third is in flight */
    expect_rows(&b, true, "1:LISTEN[100/3 200/3] 2:ESTABLISHED[100/4 200/9] ");
}

static void test_no_process(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(4096);
    struct bpf_sock_chunk sock = sock_of(0, NET_TIME_WAIT, 0, 0);
    sock.flags |= BPF_SOCK_MINI | BPF_SOCK_FILELESS;
    add_task(&b, 100);
    buf_add(&b, &sock, sock.chunk.size);
    expect_rows(&b, true, "0:TIME_WAIT[] ");
}

static void test_broken_bytes(void **state)
{
    (void)state;
    struct bpf_merge m;
    struct buf rows = BUF_INIT(4096);
    struct bpf_sock_chunk sock = sock_of(1, NET_LISTEN, 3, 1);
    bpf_merge_init(&m, note_row, &rows, false);
    for (size_t n = 1; n < sock.chunk.size; n++)
        assert_int_equal(bpf_merge_feed(&m, &sock, n), -EBADMSG);
    sock.chunk.size = 0;
    assert_int_equal(bpf_merge_feed(&m, &sock, sizeof sock), -EBADMSG);
    sock.chunk.size = BPF_SOCK_SIZE_BARE; /* and yet it says that it has addresses */
    assert_int_equal(bpf_merge_feed(&m, &sock, BPF_SOCK_SIZE_BARE), -EBADMSG);
    assert_string_equal(buf_cstr(&rows), "");
    bpf_merge_clear(&m);
    buf_free(&rows);
}

static void test_unknown_chunk_is_stepped_over(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(4096);
    struct bpf_chunk unknown = {sizeof unknown, 999};
    add_task(&b, 100);
    add_sock(&b, 1, NET_LISTEN, 3, 1);
    buf_add(&b, &unknown, sizeof unknown);
    add_sock(&b, 2, NET_LISTEN, 4, 1);
    expect_rows(&b, true, "1:LISTEN[100/3] 2:LISTEN[100/4] ");
}

static void test_clock(void **state)
{
    (void)state;
    static const uint32_t rates[] = {100, 250, 300, 1000};
    static const uint64_t seconds[] = {1, 200, 300, 5000, 100000000};
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++)
        for (size_t s = 3; s < sizeof seconds / sizeof seconds[0]; s++) {
            struct bpf_clock_chunk clock = {
                .jiffies = (1ULL << 32) - 300ULL * rates[r] + seconds[s] * rates[r],
                .monotonic_ns = seconds[s] * 1000000000,
            };
            assert_int_equal(bpf_decode_hz(&clock), rates[r]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_holders_in_order),
        cmocka_unit_test(test_listeners_first),
        cmocka_unit_test(test_shared_is_one_row),
        cmocka_unit_test(test_no_process),
        cmocka_unit_test(test_broken_bytes),
        cmocka_unit_test(test_unknown_chunk_is_stepped_over),
        cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
