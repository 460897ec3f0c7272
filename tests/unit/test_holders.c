#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "predict/holders.h"

static const struct net_process server = {.pid = 10, .comm = "server"};
static const struct net_process client = {.pid = 5, .comm = "client"};
static const struct net_owner by_server[] = {{10, 3, &server}, {10, 4, &server}};
static const struct net_owner by_client[] = {{5, 3, &client}};

static struct net_socket tcp(enum net_state state, const char *local, uint32_t port, uint32_t peer)
{
    struct net_socket s = {.kind = NET_TCP, .state = state, .local_port = port, .peer_port = peer};
    assert_int_equal(net_addr_parse(local, &s.local, NULL), 0);
    s.family = s.local.family;
    net_socket_set(&s, NET_F_OWNERS);
    return s;
}

static void test_groups(void **state)
{
    (void)state;
    struct net_socket all[] = {
        tcp(NET_ESTABLISHED, "127.0.0.1", 80, 4000), /* accepted by the server */
        tcp(NET_LISTEN, "0.0.0.0", 80, 0),           tcp(NET_TIME_WAIT, "127.0.0.1", 80, 4001),
        tcp(NET_ESTABLISHED, "::1", 80, 4002), /* nobody listens there: it goes out from 80 */
        tcp(NET_CLOSE, "127.0.0.9", 80, 0),    /* bound and no more */
        tcp(NET_ESTABLISHED, "127.0.0.1", 80, 4003),
    };
    all[0].owners = by_server, all[0].n_owners = 1;
    all[1].owners = by_server, all[1].n_owners = 2; /* two descriptors of one process */
    all[2].detached = NET_TIME_WAITING;
    all[3].owners = by_client, all[3].n_owners = 1;
    all[4].owners = by_client, all[4].n_owners = 1;
    all[5].known = (struct net_fieldset){{0}};
    net_socket_forbid(&all[5], NET_F_OWNERS);

    const struct net_socket *list[6];
    for (size_t i = 0; i < 6; i++)
        list[i] = &all[i];
    struct predict_holders h;
    assert_int_equal(predict_holders_group(&h, list, 6), 0);
    assert_int_equal(h.all.len, 4);

    const struct predict_holder *first = vec_at(&h.all, 0), *second = vec_at(&h.all, 1);
    assert_int_equal(first->pid, 10);
    assert_int_equal(first->sockets.len, 2);
    assert_int_equal(first->counts[PREDICT_HOLD_LISTENS], 1);
    assert_int_equal(first->counts[PREDICT_HOLD_SERVES], 1);
    assert_int_equal(second->pid, 5);
    assert_int_equal(second->counts[PREDICT_HOLD_CONNECTED], 1);
    assert_int_equal(second->counts[PREDICT_HOLD_BOUND], 1);
    const struct predict_holder *third = vec_at(&h.all, 2), *fourth = vec_at(&h.all, 3);
    assert_int_equal(third->hidden + fourth->hidden, 1);

    _cleanup_clients_ struct predict_clients clients;
    assert_int_equal(predict_clients_init(&clients, list, 6), 0);
    for (size_t i = 0; i < 6; i++)
        predict_clients_see(&clients, list[i]);
    assert_int_equal(predict_clients_of(&clients, &all[1]), 2);
    assert_int_equal(predict_clients_of(&clients, &all[0]), 0);
    predict_holders_clear(&h);
}

/* The rule is that of the kernel's lookup: families, v6only, devices. */
static void test_serves(void **state)
{
    (void)state;
    struct net_socket here = tcp(NET_ESTABLISHED, "127.0.0.1", 80, 4000),
                      mapped = tcp(NET_ESTABLISHED, "::ffff:127.0.0.1", 80, 4000),
                      six = tcp(NET_ESTABLISHED, "::1", 80, 4000);
    struct net_socket any4 = tcp(NET_LISTEN, "0.0.0.0", 80, 0), any6 = tcp(NET_LISTEN, "::", 80, 0),
                      other = tcp(NET_LISTEN, "127.0.0.2", 80, 0);
    const struct net_socket *const one4[] = {&any4}, *const one6[] = {&any6},
                                   *const two[] = {&other};
    assert_int_equal(predict_hold_of(&here, one4, 1), PREDICT_HOLD_SERVES);
    assert_int_equal(predict_hold_of(&here, one6, 1), PREDICT_HOLD_SERVES); /* may be dual-stack */
    assert_int_equal(predict_hold_of(&mapped, one6, 1), PREDICT_HOLD_SERVES);
    assert_int_equal(predict_hold_of(&six, one4, 1), PREDICT_HOLD_CONNECTED);
    assert_int_equal(predict_hold_of(&here, two, 1), PREDICT_HOLD_CONNECTED);
    any6.v6only = true;
    net_socket_set(&any6, NET_F_V6ONLY);
    assert_int_equal(predict_hold_of(&here, one6, 1), PREDICT_HOLD_CONNECTED);
    assert_int_equal(predict_hold_of(&six, one6, 1), PREDICT_HOLD_SERVES);
    any4.ifindex = 2;
    assert_int_equal(predict_hold_of(&here, one4, 1), PREDICT_HOLD_CONNECTED);
    here.ifindex = 2;
    assert_int_equal(predict_hold_of(&here, one4, 1), PREDICT_HOLD_SERVES);
}

static struct net_socket stream(enum net_state state, const char *path)
{
    struct net_socket s = {.kind = NET_UNIX_STREAM, .family = AF_UNIX, .state = state};
    s.path_len = (uint8_t)strlen(path);
    memcpy(s.path, path, s.path_len);
    net_socket_set(&s, NET_F_OWNERS);
    return s;
}

/* UNIX sockets have no ports: names and states tell what they do. */
static void test_unix(void **state)
{
    (void)state;
    struct net_socket listener = stream(NET_LISTEN, "/s"), waits = stream(NET_ESTABLISHED, "/s"),
                      accepted = waits, comes = stream(NET_ESTABLISHED, ""),
                      fresh = stream(NET_CLOSE, "/t"), log = stream(NET_ESTABLISHED, "/log");
    const struct net_socket *const all[] = {&waits, &listener, &accepted, &comes, &fresh, &log};
    waits.detached = NET_IN_QUEUE;
    accepted.owners = by_server, accepted.n_owners = 1;
    listener.owners = by_server, listener.n_owners = 1;
    comes.owners = by_client, comes.n_owners = 1;
    fresh.owners = by_client, fresh.n_owners = 1;
    log.owners = by_client, log.n_owners = 1;
    log.kind = NET_UNIX_DGRAM; /* somebody else is connected to it */

    struct predict_holders h;
    assert_int_equal(predict_holders_group(&h, all, 6), 0);
    assert_int_equal(h.all.len, 2); /* and nobody's group: the listener speaks for who waits */
    const struct predict_holder *first = vec_at(&h.all, 0), *second = vec_at(&h.all, 1);
    assert_int_equal(first->counts[PREDICT_HOLD_LISTENS], 1);
    assert_int_equal(first->counts[PREDICT_HOLD_SERVES], 1);
    assert_int_equal(second->counts[PREDICT_HOLD_CONNECTED], 1);
    assert_int_equal(second->counts[PREDICT_HOLD_BOUND], 2);
    predict_holders_clear(&h);

    assert_int_equal(predict_hold_of(&waits, NULL, 0), PREDICT_HOLD_CONNECTED);
    log.peer_inode = 7;
    assert_int_equal(predict_hold_of(&log, NULL, 0), PREDICT_HOLD_CONNECTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_serves),
        cmocka_unit_test(test_unix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
