/* What isn't known when the receiver of a packet is looked up, and whether it matters. That the
 * answers themselves are the kernel's is shown by tests/prove. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "predict/lookup.h"

enum { PORT = 80, DEVICE = 3 };

struct listener {
    const char *local;
    uint32_t ifindex;
    enum tri reuseport;
};

static struct net_socket make(const struct listener *l)
{
    struct net_socket s = {
        .kind = NET_TCP, .state = NET_LISTEN, .local_port = PORT, .ifindex = l->ifindex};
    assert_int_equal(net_addr_parse(l->local, &s.local, NULL), 0);
    s.family = s.local.family;
    s.reuseport = l->reuseport == TRI_YES;
    if (l->reuseport != TRI_MAYBE)
        net_socket_set(&s, NET_F_REUSEPORT);
    return s;
}

struct found {
    size_t winner;
    enum tri certain;
    int unknown; /* the socket of which something isn't known; -1: of none, or of their order */
};

/* A connection to 192.0.2.1 that comes in on the device, with two listeners, in this order. */
static struct found look(struct listener a, struct listener b, bool ordered)
{
    struct net_socket sockets[] = {make(&a), make(&b)};
    const struct net_socket *const list[] = {&sockets[0], &sockets[1]};
    const struct predict_host host = {
        .sockets = list, .n_sockets = 2, .listeners_ordered = ordered};
    struct predict_packet packet = {.kind = NET_TCP, .to_port = PORT, .ifindex = DEVICE};
    assert_int_equal(net_addr_parse("192.0.2.1", &packet.to, NULL), 0);
    assert_int_equal(net_addr_parse("192.0.2.9", &packet.from, NULL), 0);
    struct predict_receiver r;
    assert_int_equal(predict_lookup(&packet, &host, &r), 0);
    assert_non_null(r.socket);
    struct found ret = {.winner = r.socket == list[1], .certain = r.certain, .unknown = -1};
    if (r.unknown_socket)
        ret.unknown = r.unknown_socket == list[1];
    predict_receiver_clear(&r);
    return ret;
}

static void expect(struct found got, size_t winner, enum tri certain, int unknown)
{
    assert_int_equal(got.winner, winner);
    assert_int_equal(got.certain, certain);
    assert_int_equal(got.unknown, unknown);
}

static const char *const here = "192.0.2.1";

/* The one that is bound to the device fits better, but a search ends at the first group. */
static void test_a_group_that_fits_less(void **state)
{
    (void)state;
    const struct listener group = {here, 0, TRI_YES}, better = {here, DEVICE, TRI_NO};
    expect(look(group, better, true), 0, TRI_YES, -1);
    expect(look(better, group, true), 0, TRI_YES, -1);
    expect(look(group, better, false), 1, TRI_MAYBE, -1);
    expect(look(better, group, false), 0, TRI_MAYBE, -1);
}

static void test_what_may_be_a_group(void **state)
{
    (void)state;
    const struct listener hidden = {here, 0, TRI_MAYBE}, better = {here, DEVICE, TRI_NO};
    expect(look(hidden, better, true), 1, TRI_MAYBE, 0);
    expect(look(better, hidden, true), 0, TRI_YES, -1);
    expect(look(better, hidden, false), 0, TRI_MAYBE, 1);
}

/* No group: the score alone decides, in whatever order. Nor is a group of every address looked at
 * where one has this address. */
static void test_order_that_does_not_matter(void **state)
{
    (void)state;
    const struct listener single = {here, 0, TRI_NO}, better = {here, DEVICE, TRI_NO},
                          wild = {"0.0.0.0", 0, TRI_YES}, unfit = {"192.0.2.2", 0, TRI_YES};
    expect(look(single, better, false), 1, TRI_YES, -1);
    expect(look(wild, better, false), 1, TRI_YES, -1);
    expect(look(unfit, better, false), 1, TRI_YES, -1);
}

static void test_equals(void **state)
{
    (void)state;
    const struct listener a = {here, 0, TRI_NO}, b = {here, 0, TRI_NO};
    expect(look(a, b, true), 0, TRI_YES, -1);
    expect(look(a, b, false), 0, TRI_MAYBE, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_group_that_fits_less),
        cmocka_unit_test(test_what_may_be_a_group),
        cmocka_unit_test(test_order_that_does_not_matter),
        cmocka_unit_test(test_equals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
