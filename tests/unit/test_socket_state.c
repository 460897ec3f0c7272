#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "predict/socket_state.h"

static struct net_socket tcp(enum net_state state, uint64_t recv_q, uint64_t send_q)
{
    struct net_socket s = {
        .kind = NET_TCP, .state = state, .family = AF_INET, .recv_q = recv_q, .send_q = send_q};
    net_socket_set(&s, NET_F_RECV_Q);
    net_socket_set(&s, NET_F_SEND_Q);
    return s;
}

static void set_timer(struct net_socket *s, const char *name, uint64_t ms, uint64_t retries)
{
    strcpy(s->timer, name);
    s->timer_ms = ms;
    s->timer_retries = retries;
    net_socket_set(s, NET_F_TIMER);
    net_socket_set(s, NET_F_TIMER_MS);
    net_socket_set(s, NET_F_TIMER_RETRIES);
}

static struct predict_state state_of(const struct net_socket *s)
{
    struct predict_patience patience;
    struct predict_state state;
    predict_patience_init(&patience);
    predict_state(s, &patience, &state);
    return state;
}

static void expect(const struct net_socket *s, enum predict_situation situation)
{
    struct predict_state state = state_of(s);
    assert_string_equal(predict_situation_name(state.situation), predict_situation_name(situation));
}

static void test_queues_of_a_listener(void **state)
{
    (void)state;
    struct net_socket s = tcp(NET_LISTEN, 0, 5);
    expect(&s, SITUATION_LISTENS);
    s.recv_q = 5;
    expect(&s, SITUATION_TO_ACCEPT);
    s.recv_q = 6;
    expect(&s, SITUATION_QUEUE_FULL);
}

static void test_connections(void **state)
{
    (void)state;
    struct net_socket s = tcp(NET_ESTABLISHED, 0, 0);
    expect(&s, SITUATION_IDLE);
    s.recv_q = 1;
    expect(&s, SITUATION_UNREAD);
    s = tcp(NET_ESTABLISHED, 0, 10);
    expect(&s, SITUATION_SENDING);
    set_timer(&s, "on", 400, 2);
    expect(&s, SITUATION_RETRANSMITS);
    set_timer(&s, "persist", 400, 2);
    expect(&s, SITUATION_ZERO_WINDOW);
    s.detached = NET_IN_QUEUE;
    expect(&s, SITUATION_NOT_ACCEPTED);
}

/* A SYN or FIN in the queue is no byte. */
static void test_flags_are_no_bytes(void **state)
{
    (void)state;
    struct net_socket s = tcp(NET_FIN_WAIT1, 0, 4);
    assert_int_equal(state_of(&s).unacknowledged, 3);
    s = tcp(NET_SYN_SENT, 0, 1);
    assert_int_equal(state_of(&s).unacknowledged, 0);
    s = tcp(NET_CLOSE_WAIT, 4, 2);
    struct predict_state r = state_of(&s);
    assert_int_equal(r.unread, 3);
    assert_true(r.end_unread);
    assert_int_equal(r.unacknowledged, 2);
    s = tcp(NET_CLOSE_WAIT, 0, 0);
    assert_false(state_of(&s).end_unread);
    s = tcp(NET_LAST_ACK, 0, 0); /* never below zero */
    assert_int_equal(state_of(&s).unacknowledged, 0);
}

static void test_bytes_that_werent_sent(void **state)
{
    (void)state;
    struct net_socket s = tcp(NET_ESTABLISHED, 0, 10);
    s.notsent = 7;
    net_socket_set(&s, NET_F_NOTSENT);
    struct predict_state r = state_of(&s);
    assert_int_equal(r.unsent, 7);
    assert_int_equal(r.unacknowledged, 3);
    s.notsent = 70; /* of another moment */
    assert_int_equal(state_of(&s).unsent, 0);
}

static void test_limits(void **state)
{
    (void)state;
    struct net_socket s = tcp(NET_SYN_SENT, 0, 1);
    set_timer(&s, "on", 1000, 0);
    assert_int_equal(state_of(&s).limit_ms, 127000); /* 1 + 2 + 4 + … + 64 */
    set_timer(&s, "on", 64000, 6);
    assert_int_equal(state_of(&s).limit_ms, 64000);
    set_timer(&s, "on", 10, UINT64_MAX);
    assert_int_equal(state_of(&s).limit_ms, 10);

    struct predict_patience p;
    struct predict_state r;
    predict_patience_init(&p);
    predict_patience_read(&p, "net.ipv4.tcp_syn_linear_timeouts", "4");
    set_timer(&s, "on", 1000, 0);
    predict_state(&s, &p, &r);
    assert_int_equal(r.limit_ms, 131000); /* as ip-sysctl.rst of the kernel has it */

    s = tcp(NET_LAST_ACK, 0, 1);
    assert_int_equal(state_of(&s).limit_ms, 924600); /* likewise: tcp_retries2 */
    s.detached = NET_ORPHAN;
    assert_int_equal(state_of(&s).limit_ms, 102200);
    s = tcp(NET_FIN_WAIT2, 0, 0);
    assert_true(state_of(&s).for_ever);
    s.detached = NET_ORPHAN;
    assert_int_equal(state_of(&s).limit_ms, 60000);
    set_timer(&s, "timewait", 1234, 0);
    assert_int_equal(state_of(&s).limit_ms, 1234);
}

static void test_settings(void **state)
{
    (void)state;
    struct predict_patience p;
    predict_patience_init(&p);
    predict_patience_read(&p, "net.ipv4.tcp_retries2", "nonsense");
    predict_patience_read(&p, "net.ipv4.tcp_retries2", "-1");
    predict_patience_read(&p, "net.ipv4.tcp_retries2", "");
    assert_int_equal(p.retries2, 15);
    predict_patience_read(&p, "net.ipv4.tcp_retries2", "99999");
    assert_int_equal(p.retries2, 255);
    predict_patience_read(&p, "net.ipv4.tcp_fin_timeout", "20");
    assert_int_equal(p.fin_timeout_ms, 20000);
    assert_false(p.knows_linear);
}

static void test_every_state_has_a_meaning(void **state)
{
    (void)state;
    for (int i = 1; i < NET_STATES; i++) {
        struct net_socket s = tcp((enum net_state)i, 0, 0);
        assert_int_not_equal(state_of(&s).situation, SITUATION_UNKNOWN);
    }
    struct net_socket udp = {.kind = NET_UDP, .state = NET_CLOSE};
    expect(&udp, SITUATION_RECEIVES);
    struct net_socket other = {.kind = NET_SCTP, .state = NET_ESTABLISHED};
    expect(&other, SITUATION_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queues_of_a_listener),
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_flags_are_no_bytes),
        cmocka_unit_test(test_bytes_that_werent_sent),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_every_state_has_a_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
