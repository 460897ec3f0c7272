/* What the C library is asked, against what it says when asked in another way. */
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "names/filter_names.h"
#include "names/services.h"
#include "names/users.h"

static void test_users(void **state)
{
    (void)state;
    _cleanup_users_ struct users users = {0};
    uint32_t uid = 7;
    const char *root = users_name(&users, 0);
    assert_string_equal(root, "root");
    assert_ptr_equal(users_name(&users, 0), root);
    assert_null(users_name(&users, UINT32_MAX - 7));
    assert_null(users_name(&users, UINT32_MAX - 7));
    assert_string_equal(root, "root"); /* others that were asked for don't move it */
    assert_int_equal(users_uid("root", &uid), 0);
    assert_int_equal(uid, 0);
    uid = 7;
    assert_int_equal(users_uid("no such user", &uid), -ENOENT);
    assert_int_equal(uid, 7);
}

static const struct service *by_protocol(const struct vec *services, const char *protocol)
{
    for (size_t i = 0; i < services->len; i++) {
        const struct service *s = vec_at(services, i);
        if (strcmp(s->protocol, protocol) == 0)
            return s;
    }
    return NULL;
}

static void test_services_by_name(void **state)
{
    (void)state;
    struct vec found = VEC_INIT(struct service);
    if (!getservbyname("domain", "udp"))
        skip(); /* no services database here */
    assert_int_equal(services_by_name("domain", NULL, &found), 0);
    assert_int_equal(found.len, 2);
    assert_int_equal(by_protocol(&found, "tcp")->port, 53);
    assert_int_equal(by_protocol(&found, "udp")->port, 53);
    assert_string_equal(by_protocol(&found, "udp")->name, "domain");
    services_free(&found);

    found = VEC_INIT(struct service);
    assert_int_equal(services_by_name("no-such-service", NULL, &found), 0);
    assert_int_equal(found.len, 0);
    services_free(&found);
}

static void test_services_by_port(void **state)
{
    (void)state;
    struct vec one = VEC_INIT(struct service), range = VEC_INIT(struct service);
    if (!getservbyname("domain", "udp"))
        skip();
    assert_int_equal(services_by_port(53, NULL, &one), 0);
    assert_int_equal(services_in_range(53, 53, NULL, &range), 0);
    assert_int_equal(one.len, range.len);
    assert_non_null(by_protocol(&one, "udp"));
    services_free(&one);
    services_free(&range);
}

static void test_services_of_a_protocol(void **state)
{
    (void)state;
    struct vec one = VEC_INIT(struct service), range = VEC_INIT(struct service);
    if (!getservbyname("domain", "udp"))
        skip();
    assert_int_equal(services_by_port(53, "udp", &one), 0);
    assert_int_equal(services_in_range(53, 53, "udp", &range), 0);
    assert_int_equal(one.len, 1);
    assert_int_equal(range.len, 1);
    assert_non_null(by_protocol(&one, "udp"));
    services_free(&one);
    services_free(&range);
}

static void test_service_aliases(void **state)
{
    (void)state;
    struct vec found = VEC_INIT(struct service);
    struct servent *www = getservbyname("www", "tcp");
    if (!www || strcmp(www->s_name, "http") != 0)
        skip();
    assert_int_equal(services_by_name("www", NULL, &found), 0);
    const struct service *http = by_protocol(&found, "tcp");
    assert_string_equal(http->name, "http");
    assert_string_equal(http->aliases[0], "www");
    assert_null(http->aliases[1]);
    services_free(&found);
}

static void test_filter_names(void **state)
{
    (void)state;
    const struct net_filter_names *n = filter_names();
    struct net_addr a[4];
    uint32_t number = 0;
    uint16_t port = 0;
    uint64_t id = 0;

    assert_int_equal(n->host(n->ctx, "::1", a, 4), 1);
    assert_true(net_addr_is_loopback(&a[0]));
    assert_int_equal(n->host(n->ctx, "127.0.0.1", a, 4), 1);
    assert_int_equal(n->host(n->ctx, "127.0.0.1", a, 0), -ENOENT);
    assert_int_equal(n->user(n->ctx, "root", &number), 0);
    assert_int_equal(number, 0);
    if (if_nametoindex("lo")) {
        assert_int_equal(n->device(n->ctx, "lo", &number), 0);
        assert_int_equal(number, if_nametoindex("lo"));
    }
    assert_true(n->device(n->ctx, "no-such-device", &number) < 0);
    assert_int_equal(n->service(n->ctx, "no-such-service", NULL, &port), -ENOENT);
    assert_int_equal(n->cgroup(n->ctx, "/no/such/group", &id), -ENOENT);
    assert_int_equal(n->cgroup(n->ctx, "/tmp", &id), -ENOENT); /* a directory, and no group */
    assert_int_equal(id, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_services_by_name),
        cmocka_unit_test(test_services_by_port),
        cmocka_unit_test(test_services_of_a_protocol),
        cmocka_unit_test(test_service_aliases),
        cmocka_unit_test(test_filter_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
