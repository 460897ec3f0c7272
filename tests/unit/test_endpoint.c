#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/endpoint.h"

enum {
    LISTEN = ENDPOINT_MAY_LISTEN,
    RANGE = ENDPOINT_MAY_RANGE,
    SOCKETS = ENDPOINT_SOCKETS_ONLY,
    NO_PORT = ENDPOINT_MAY_OMIT_PORT,
    NO_SCOPE = ENDPOINT_MAY_OMIT_SCOPE,
};

#define HERE  ENDPOINT_THIS_MACHINE
#define EVERY ENDPOINT_EVERY_INTERFACE
#define ADDR  ENDPOINT_ADDRESS
#define NAME  ENDPOINT_NAME

/* Internet forms. `host` is the address or the name; `shown` what it is formatted to, NULL: as it
 * was written. */
static const struct {
    const char *text, *shown;
    unsigned accepts;
    enum endpoint_scheme scheme;
    enum endpoint_host kind;
    const char *host, *device, *service;
    uint16_t port, last;
    uint32_t scope;
} inet_cases[] = {
    {"4444", NULL, 0, ENDPOINT_TCP, HERE, "", "", "", 4444, 4444},
    {":4444", "4444", 0, ENDPOINT_TCP, HERE, "", "", "", 4444, 4444},
    {"tcp:4444", "4444", 0, ENDPOINT_TCP, HERE, "", "", "", 4444, 4444},
    {"tcp::4444", "4444", 0, ENDPOINT_TCP, HERE, "", "", "", 4444, 4444},
    {"0", NULL, 0, ENDPOINT_TCP, HERE, "", "", "", 0, 0},
    {"0080", "80", 0, ENDPOINT_TCP, HERE, "", "", "", 80, 80},
    {"65535", NULL, 0, ENDPOINT_TCP, HERE, "", "", "", 65535, 65535},
    {":http", NULL, 0, ENDPOINT_TCP, HERE, "", "", "http", 0, 0},
    {"4444%eth0", NULL, 0, ENDPOINT_TCP, HERE, "", "eth0", "", 4444, 4444},
    {":http%eth0", NULL, 0, ENDPOINT_TCP, HERE, "", "eth0", "http", 0, 0},
    {"udp:53", NULL, 0, ENDPOINT_UDP, HERE, "", "", "", 53, 53},
    {"udp::domain", NULL, 0, ENDPOINT_UDP, HERE, "", "", "domain", 0, 0},
    {"UDP:53", "udp:53", 0, ENDPOINT_UDP, HERE, "", "", "", 53, 53},
    {"8000-8100", NULL, RANGE, ENDPOINT_TCP, HERE, "", "", "", 8000, 8100},
    {"8000-8000", "8000", RANGE, ENDPOINT_TCP, HERE, "", "", "", 8000, 8000},
    {"udp:*:8000-8100%lo", NULL, RANGE, ENDPOINT_UDP, EVERY, "", "lo", "", 8000, 8100},

    {"*:4444", NULL, 0, ENDPOINT_TCP, EVERY, "", "", "", 4444, 4444},
    {"udp:*:53", NULL, 0, ENDPOINT_UDP, EVERY, "", "", "", 53, 53},
    {"*:80%eth0", NULL, 0, ENDPOINT_TCP, EVERY, "", "eth0", "", 80, 80},
    {"*%eth0:80", "*:80%eth0", 0, ENDPOINT_TCP, EVERY, "", "eth0", "", 80, 80},

    {"127.0.0.1:4444", NULL, 0, ENDPOINT_TCP, ADDR, "127.0.0.1", "", "", 4444, 4444},
    {"0.0.0.0:0", NULL, 0, ENDPOINT_TCP, ADDR, "0.0.0.0", "", "", 0, 0},
    {"192.0.2.7:80%eth1", NULL, 0, ENDPOINT_TCP, ADDR, "192.0.2.7", "eth1", "", 80, 80},
    {"192.0.2.7%eth1:80", "192.0.2.7:80%eth1", 0, ENDPOINT_TCP, ADDR, "192.0.2.7", "eth1", "", 80,
     80},
    {"192.0.2.7%3:80", "192.0.2.7:80%3", 0, ENDPOINT_TCP, ADDR, "192.0.2.7", "3", "", 80, 80},
    {"169.254.1.1:80", NULL, 0, ENDPOINT_TCP, ADDR, "169.254.1.1", "", "", 80, 80},
    {"127.0.0.1:3com-tsmux", NULL, 0, ENDPOINT_TCP, ADDR, "127.0.0.1", "", "3com-tsmux", 0, 0},

    {"[::1]:4444", NULL, 0, ENDPOINT_TCP, ADDR, "::1", "", "", 4444, 4444},
    {"[::]:80", NULL, 0, ENDPOINT_TCP, ADDR, "::", "", "", 80, 80},
    {"[2001:DB8::0:1]:http", "[2001:db8::1]:http", 0, ENDPOINT_TCP, ADDR, "2001:db8::1", "", "http",
     0, 0},
    {"[::ffff:192.0.2.7]:80", NULL, 0, ENDPOINT_TCP, ADDR, "::ffff:192.0.2.7", "", "", 80, 80},
    {"[::ffff:169.254.0.1]:80", NULL, 0, ENDPOINT_TCP, ADDR, "::ffff:169.254.0.1", "", "", 80, 80},
    {"[::1]:80%eth0", NULL, 0, ENDPOINT_TCP, ADDR, "::1", "eth0", "", 80, 80},
    {"[2001:db8::1%eth0]:80", "[2001:db8::1]:80%eth0", 0, ENDPOINT_TCP, ADDR, "2001:db8::1", "eth0",
     "", 80, 80},
    {"[fe80::1%eth0]:80", NULL, 0, ENDPOINT_TCP, ADDR, "fe80::1", "eth0", "", 80, 80},
    {"[fe80::1]:80%eth0", "[fe80::1%eth0]:80", 0, ENDPOINT_TCP, ADDR, "fe80::1", "eth0", "", 80,
     80},
    {"[fe80::1%3]:80", NULL, 0, ENDPOINT_TCP, ADDR, "fe80::1", "", "", 80, 80, 3},
    {"[fe80::1%007]:80", "[fe80::1%7]:80", 0, ENDPOINT_TCP, ADDR, "fe80::1", "", "", 80, 80, 7},
    {"[fe80::1]:80%3", NULL, 0, ENDPOINT_TCP, ADDR, "fe80::1", "3", "", 80, 80},
    {"[febf::1%lo]:80", NULL, 0, ENDPOINT_TCP, ADDR, "febf::1", "lo", "", 80, 80},
    {"udp:[ff02::fb%eth0]:5353", NULL, 0, ENDPOINT_UDP, ADDR, "ff02::fb", "eth0", "", 5353, 5353},
    {"udp:[ff02::fb]:5353", NULL, 0, ENDPOINT_UDP, ADDR, "ff02::fb", "", "", 5353, 5353},
    {"udp:[ff05::fb%eth0]:5353", "udp:[ff05::fb]:5353%eth0", 0, ENDPOINT_UDP, ADDR, "ff05::fb",
     "eth0", "", 5353, 5353},
    {"[fe80::1]:80", NULL, NO_SCOPE, ENDPOINT_TCP, ADDR, "fe80::1", "", "", 80, 80},

    {"localhost:http", NULL, 0, ENDPOINT_TCP, NAME, "localhost", "", "http", 0, 0},
    {"localhost:80", NULL, 0, ENDPOINT_TCP, NAME, "localhost", "", "", 80, 80},
    {"tls:example.org:443", NULL, 0, ENDPOINT_TLS, NAME, "example.org", "", "", 443, 443},
    {"example.org:80%eth0", NULL, 0, ENDPOINT_TCP, NAME, "example.org", "eth0", "", 80, 80},
    {"example.org%eth0:80", "example.org:80%eth0", 0, ENDPOINT_TCP, NAME, "example.org", "eth0", "",
     80, 80},
    {"127.1:80", NULL, 0, ENDPOINT_TCP, NAME, "127.1", "", "", 80, 80},
    {"4444:80", NULL, 0, ENDPOINT_TCP, NAME, "4444", "", "", 80, 80},
    {"tcp:udp:53", NULL, 0, ENDPOINT_TCP, NAME, "udp", "", "", 53, 53},
    {"tcp:listen:53", NULL, 0, ENDPOINT_TCP, NAME, "listen", "", "", 53, 53},
    {"tcp:Unix:53", NULL, 0, ENDPOINT_TCP, NAME, "Unix", "", "", 53, 53},
    {"udp:tcp:53", NULL, 0, ENDPOINT_UDP, NAME, "tcp", "", "", 53, 53},
    {"tcp:udp2:53", "udp2:53", 0, ENDPOINT_TCP, NAME, "udp2", "", "", 53, 53},
    {"-:80", NULL, 0, ENDPOINT_TCP, NAME, "-", "", "", 80, 80},
    {"-x:80", NULL, 0, ENDPOINT_TCP, NAME, "-x", "", "", 80, 80},
    /* near to a scheme, but good as a host and a service: the resolver will tell */
    {"tpc:4444", NULL, 0, ENDPOINT_TCP, NAME, "tpc", "", "", 4444, 4444},
    {"exce:cat", NULL, 0, ENDPOINT_TCP, NAME, "exce", "", "cat", 0, 0},

    {"localhost", "localhost:0", NO_PORT, ENDPOINT_TCP, NAME, "localhost", "", "", 0, 0},
    {"udp:localhost", "udp:localhost:0", NO_PORT, ENDPOINT_UDP, NAME, "localhost", "", "", 0, 0},
    {"8000-8100", "8000-8100:0", NO_PORT, ENDPOINT_TCP, NAME, "8000-8100", "", "", 0, 0},
    {"8000-8100", NULL, NO_PORT | RANGE, ENDPOINT_TCP, HERE, "", "", "", 8000, 8100},
    {"127.0.0.1", "127.0.0.1:0", NO_PORT, ENDPOINT_TCP, ADDR, "127.0.0.1", "", "", 0, 0},
    {"::1", "[::1]:0", NO_PORT, ENDPOINT_TCP, ADDR, "::1", "", "", 0, 0},
    {"::", "[::]:0", NO_PORT, ENDPOINT_TCP, ADDR, "::", "", "", 0, 0},
    {"[::1]", "[::1]:0", NO_PORT, ENDPOINT_TCP, ADDR, "::1", "", "", 0, 0},
    {"udp:::1", "udp:[::1]:0", NO_PORT, ENDPOINT_UDP, ADDR, "::1", "", "", 0, 0},
    {"2001:db8::1:80", "[2001:db8::1:80]:0", NO_PORT, ENDPOINT_TCP, ADDR, "2001:db8::1:80", "", "",
     0, 0},
    {"fe80::1%eth0", "[fe80::1%eth0]:0", NO_PORT, ENDPOINT_TCP, ADDR, "fe80::1", "eth0", "", 0, 0},
    {"fe80::1%2", "[fe80::1%2]:0", NO_PORT, ENDPOINT_TCP, ADDR, "fe80::1", "", "", 0, 0, 2},
    {"fe80::1", "[fe80::1]:0", NO_PORT | NO_SCOPE, ENDPOINT_TCP, ADDR, "fe80::1", "", "", 0, 0},
    {"*", "*:0", NO_PORT, ENDPOINT_TCP, EVERY, "", "", "", 0, 0},
    {"80", NULL, NO_PORT, ENDPOINT_TCP, HERE, "", "", "", 80, 80},
    {"listen:80", NULL, LISTEN, ENDPOINT_TCP, HERE, "", "", "", 80, 80},
    {"listen:udp:*:53", NULL, LISTEN, ENDPOINT_UDP, EVERY, "", "", "", 53, 53},
    {"listen:tcp:listen:53", NULL, LISTEN, ENDPOINT_TCP, NAME, "listen", "", "", 53, 53},
};

static void expect_format(const struct endpoint *ep, unsigned accepts, const char *expected)
{
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 12);
    struct endpoint back;
    endpoint_format(&b, ep);
    assert_string_equal(buf_cstr(&b), expected);
    assert_int_equal(endpoint_parse(buf_cstr(&b), accepts, &back, NULL), 0);
    assert_true(endpoint_equal(ep, &back));
}

static struct endpoint parse(const char *text, unsigned accepts)
{
    struct endpoint ep;
    struct err e = {0};
    if (endpoint_parse(text, accepts, &ep, &e) < 0)
        fail_msg("'%s': %s", text, e.hint);
    return ep;
}

static void test_inet(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof inet_cases / sizeof *inet_cases; i++) {
        const char *text = inet_cases[i].text;
        _cleanup_buf_ struct buf host = BUF_INIT(1 << 10);
        struct endpoint ep = parse(text, inet_cases[i].accepts);
        net_addr_format(&host, &ep.addr);
        buf_str(&host, ep.name);
        if (ep.scheme != inet_cases[i].scheme || ep.host != inet_cases[i].kind)
            fail_msg("'%s' is %d, %d", text, ep.scheme, ep.host);
        assert_string_equal(buf_cstr(&host), inet_cases[i].host);
        assert_string_equal(ep.device, inet_cases[i].device);
        assert_string_equal(ep.service, inet_cases[i].service);
        assert_int_equal(ep.port, inet_cases[i].port);
        assert_int_equal(ep.port_last, inet_cases[i].last);
        assert_int_equal(ep.addr.scope, inet_cases[i].scope);
        assert_int_equal(ep.listens, strncmp(text, "listen:", 7) == 0);
        assert_null(ep.text);
        expect_format(&ep, inet_cases[i].accepts, inet_cases[i].shown ? inet_cases[i].shown : text);
    }
}

/* The other schemes. `rest` is the text, or NULL; `shown` as above. */
static const struct {
    const char *text, *shown;
    enum endpoint_scheme scheme;
    const char *rest;
    bool abstract;
    int fd;
    enum endpoint_host host;
    uint32_t cid, port;
} other_cases[] = {
    {"unix:/run/x.sock", NULL, ENDPOINT_UNIX, "/run/x.sock"},
    {"unix:x:y%z", NULL, ENDPOINT_UNIX, "x:y%z"},
    {"unix:@name", NULL, ENDPOINT_UNIX, "name", true},
    {"unix:@@", NULL, ENDPOINT_UNIX, "@", true},
    {"unix:./@name", NULL, ENDPOINT_UNIX, "./@name"},
    {"unix-dgram:/run/log", NULL, ENDPOINT_UNIX_DGRAM, "/run/log"},
    {"unix-seqpacket:@s", NULL, ENDPOINT_UNIX_SEQPACKET, "s", true},
    {"listen:unix:/run/x", NULL, ENDPOINT_UNIX, "/run/x"},
    {"exec:cat -n", NULL, ENDPOINT_EXEC, "cat -n"},
    {"exec:-", NULL, ENDPOINT_EXEC, "-"},
    {"pty:bash", NULL, ENDPOINT_PTY, "bash"},
    {"serial:/dev/ttyUSB0,115200", NULL, ENDPOINT_SERIAL, "/dev/ttyUSB0,115200"},
    {"file:out.bin", NULL, ENDPOINT_FILE, "out.bin"},
    {"file:tcp:80", NULL, ENDPOINT_FILE, "tcp:80"},
    {"fd:3", NULL, ENDPOINT_FD, NULL, false, 3},
    {"listen:fd:3", NULL, ENDPOINT_FD, NULL, false, 3},
    {"-", NULL, ENDPOINT_STDIO, NULL},
    {"vsock:1024", NULL, ENDPOINT_VSOCK, NULL, false, 0, HERE, UINT32_MAX, 1024},
    {"vsock::1024", "vsock:1024", ENDPOINT_VSOCK, NULL, false, 0, HERE, UINT32_MAX, 1024},
    {"vsock:*:70000", NULL, ENDPOINT_VSOCK, NULL, false, 0, EVERY, UINT32_MAX, 70000},
    {"vsock:3:0", NULL, ENDPOINT_VSOCK, NULL, false, 0, ADDR, 3, 0},
    {"vsock:host:5", "vsock:2:5", ENDPOINT_VSOCK, NULL, false, 0, ADDR, 2, 5},
    {"vsock:local:5", "vsock:1:5", ENDPOINT_VSOCK, NULL, false, 0, ADDR, 1, 5},
};

static void test_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof other_cases / sizeof *other_cases; i++) {
        const char *text = other_cases[i].text;
        struct endpoint ep = parse(text, LISTEN);
        if (ep.scheme != other_cases[i].scheme)
            fail_msg("'%s' is %d", text, ep.scheme);
        if (other_cases[i].rest)
            assert_string_equal(ep.text, other_cases[i].rest);
        else
            assert_null(ep.text);
        assert_int_equal(ep.abstract, other_cases[i].abstract);
        assert_int_equal(ep.fd, other_cases[i].fd);
        assert_int_equal(ep.host, other_cases[i].host);
        assert_int_equal(ep.cid, other_cases[i].cid);
        assert_int_equal(ep.vsock_port, other_cases[i].port);
        expect_format(&ep, LISTEN, other_cases[i].shown ? other_cases[i].shown : text);
    }
}

#define TEN    "0123456789"
#define HUN    TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define NAME63 TEN TEN TEN TEN TEN TEN "abc"

/* What can't be, and what the hint must contain. */
static const struct {
    const char *text;
    unsigned accepts;
    const char *hint;
} faults[] = {
    {"", 0, "an endpoint is missing"},
    {"", NO_PORT, "an endpoint is missing"},
    {":", 0, "a port is missing behind the colon"},
    {":", NO_PORT, "a port is missing"},
    {"tcp:", 0, "HOST:PORT is missing"},
    {"tcp:", NO_PORT, "HOST:PORT is missing"},
    {"localhost:", 0, "a port is missing behind the colon"},
    {"localhost:", NO_PORT, "a port is missing"},
    {"*", 0, "a port is missing: '*:PORT'"},
    {"[::1]", 0, "a port is missing: '[::1]:PORT'"},
    {"127.0.0.1", 0, "a port is missing: '127.0.0.1:PORT'"},
    {"example.org", 0, "a port is missing: 'example.org:PORT'"},
    {"http", 0, "'http:PORT', or ':http' for this machine's service"},
    {"65536", 0, "no port above 65535"},
    {"99999999999999999999", 0, "no port above 65535"},
    {"localhost:65536", 0, "no port above 65535"},
    {"*:99999", 0, "no port above 65535"},
    {"8000-8100", 0, "not a range"},
    {"*:8000-8100", 0, "not a range"},
    {"8100-8000", RANGE, "from a lower one to a higher one"},
    {"1-70000", RANGE, "at most 65535"},
    {"localhost:-1", 0, "'-1' is no port"},
    {"localhost:+80", 0, "'+80' is no port"},
    {"localhost:8 0", 0, "is no port"},
    {"localhost:80/tcp", 0, "'80/tcp' is no port"},
    {"h:" NAME63 "d", 0, "is no port"},

    {"fe80::1", 0, "'[fe80::1%eth0]:PORT'"},
    {"fe80::1", NO_PORT, "add the %device"},
    {"[fe80::1]:80", 0, "'[fe80::1%eth0]:80'"},
    {"[FE80:0::1]:http", 0, "'[fe80::1%eth0]:http'"},
    {"fe80::1%eth0", 0, "'[fe80::1%eth0]:PORT'"},
    {"::1", 0, "in brackets: '[::1]:PORT'"},
    {"2001:db8::1:80", 0, "in brackets: '[2001:db8::1]:80'"},
    {"::1:http", NO_PORT, "in brackets: '[::1]:http'"},
    {"fe80::1%eth0:80", 0, "in brackets: '[fe80::1%eth0]:80'"},
    {"1:2:3:4:5:6:7:8:80", 0, "in brackets: '[1:2:3:4:5:6:7:8]:80'"},
    {"[::1", 0, "isn't closed"},
    {"[::1]80", 0, "behind ']' comes a colon"},
    {"[::1]%eth0:80", 0, "behind ']' comes a colon"},
    {"[localhost]:80", 0, "in brackets stands an IPv6 address"},
    {"[127.0.0.1]:80", 0, "in brackets stands an IPv6 address"},
    {"[]:80", 0, "in brackets stands an IPv6 address"},
    {"[[::1]]:80", 0, "in brackets stands an IPv6 address"},

    {"80%", 0, "name is missing behind '%'"},
    {"h%:80", 0, "name is missing behind '%'"},
    {"80%0123456789abcdef", 0, "more than 15 letters"},
    {"80%a b", 0, "'a b' can't be a device's name"},
    {"80%a/b", 0, "can't be a device's name"},
    {"80%a%b", 0, "can't be a device's name"},
    {"192.0.2.7%a:80%b", 0, "one device is enough"},
    {"[fe80::1%3]:80%b", 0, "one device is enough"},

    {"tpc:127.0.0.1:80", 0, "no scheme 'tpc'; did you mean 'tcp:'?"},
    {"tpc:[::1]:80", 0, "did you mean 'tcp:'?"},
    {"upd:*:53", 0, "did you mean 'udp:'?"},
    {"listen:upd:*:53", LISTEN, "did you mean 'udp:'?"},
    {"lisen:udp:*:53", LISTEN, "did you mean 'listen:'?"},
    {"unx:/run/x.sock", 0, "did you mean 'unix:'?"},
    {"exce:cat -n", 0, "did you mean 'exec:'?"},
    {"serail:/dev/ttyS0,9600", 0, "did you mean 'serial:'?"},
    {"unix-datagram:/run/x", 0, "did you mean 'unix-dgram:'?"},
    {"tcp:tpc:a:b", 0, "too many colons"},
    {"a:b:c", 0, "too many colons"},
    {"192.0.2.7:80:90", 0, "too many colons"},
    {"http://example.org/", 0, "that is a URL"},
    {"https://example.org:443/", 0, "that is a URL"},
    {"ftp://example.org", 0, "that is a URL"},
    {"/run/x.sock", 0, "a path needs its scheme"},
    {"./x", NO_PORT, "a path needs its scheme"},
    {"@name", 0, "'unix:@name'"},
    {HUN HUN TEN TEN TEN TEN TEN "123456:80", 0, "too long: 255 bytes"},

    {"listen:80", 0, "a host called listen is 'tcp:listen:PORT'"},
    {"listen:", LISTEN, "missing behind the colon"},
    {"listen:-", LISTEN, "only sockets listen, not '-'"},
    {"listen:exec:cat", LISTEN, "only sockets listen, not 'exec'"},
    {"-", SOCKETS, "a socket is wanted here, not '-'"},
    {"exec:cat", SOCKETS, "a socket is wanted here, not 'exec'"},
    {"fd:3", SOCKETS, "a socket is wanted here"},

    {"unix:", 0, "PATH or @NAME is missing"},
    {"unix:@", 0, "a name is missing behind '@'"},
    {"unix:" HUN "12345678", 0, "107 bytes at most, this path has 108"},
    {"unix:@" HUN "12345678", 0, "107 bytes at most, this name has 108"},
    {"file:", 0, "PATH is missing"},
    {"exec:", 0, "COMMAND is missing"},
    {"serial:", 0, "DEVICE,WORD… is missing"},
    {"fd:", 0, "NUMBER is missing"},
    {"fd:x", 0, "a descriptor is a number"},
    {"fd:-1", 0, "a descriptor is a number"},
    {"fd:2147483648", 0, "a descriptor is a number"},
    {"vsock:x:1", 0, "a context id is a number"},
    {"vsock:4294967295:1", 0, "a context id is a number"},
    {"vsock:2:x", 0, "a vsock's port is a number"},
    {"vsock:2:3:4", 0, "a vsock's port is a number"},
    {"vsock:*", 0, "a vsock's port is a number"},
};

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct endpoint ep = {.fd = 77};
        struct err e = {0};
        if (endpoint_parse(faults[i].text, faults[i].accepts, &ep, &e) != -EINVAL)
            fail_msg("'%s' parses", faults[i].text);
        if (!strstr(e.hint, faults[i].hint))
            fail_msg("'%s': %s", faults[i].text, e.hint);
        assert_int_equal(e.code, EINVAL);
        assert_string_equal(e.op, "use");
        assert_memory_equal(e.subject, faults[i].text, strlen(e.subject));
        assert_int_equal(ep.fd, 77);
        assert_int_equal(endpoint_parse(faults[i].text, faults[i].accepts, &ep, NULL), -EINVAL);
    }
}

/* The longest that there may be. */
static void test_longest(void **state)
{
    (void)state;
    struct endpoint ep = parse("unix:" HUN "1234567", 0);
    assert_int_equal(strlen(ep.text), 107);
    ep = parse(HUN HUN TEN TEN TEN TEN TEN "12345:80", 0);
    assert_int_equal(strlen(ep.name), 255);
    ep = parse("h:" NAME63 "%0123456789abcde", 0);
    assert_string_equal(ep.service, NAME63);
    assert_string_equal(ep.device, "0123456789abcde");
}

static void test_device_is_scope(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool scope;
    } cases[] = {
        {"[fe80::1%eth0]:80", true},    {"[fe80::1]:80%eth0", true},  {"[fe80::1%3]:80", false},
        {"[ff02::1%eth0]:80", true},    {"[ff01::1%lo]:80", true},    {"[ff05::1%eth0]:80", false},
        {"[::1%lo]:80", false},         {"192.0.2.7:80%eth0", false}, {"*:80%eth0", false},
        {"example.org:80%eth0", false}, {"[ff12::1%eth0]:80", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct endpoint ep = parse(cases[i].text, 0);
        assert_int_equal(endpoint_device_is_scope(&ep), cases[i].scope);
    }
}

static void test_schemes(void **state)
{
    (void)state;
    assert_string_equal(endpoint_scheme_name(ENDPOINT_UNIX_SEQPACKET), "unix-seqpacket");
    assert_string_equal(endpoint_scheme_name(ENDPOINT_STDIO), "-");
    assert_true(endpoint_has_port(ENDPOINT_TCP) && endpoint_has_port(ENDPOINT_UDP) &&
                endpoint_has_port(ENDPOINT_TLS));
    assert_false(endpoint_has_port(ENDPOINT_VSOCK) || endpoint_has_port(ENDPOINT_UNIX));
    assert_true(endpoint_is_unix(ENDPOINT_UNIX_DGRAM));
    assert_false(endpoint_is_unix(ENDPOINT_TCP) || endpoint_is_unix(ENDPOINT_FILE));
    assert_true(endpoint_scheme_is_written("listen:udp:53") && endpoint_scheme_is_written("-"));
    assert_true(endpoint_scheme_is_written("Tcp:a:b") && endpoint_scheme_is_written("fd:3"));
    assert_false(endpoint_scheme_is_written("53") || endpoint_scheme_is_written("listen:53") ||
                 endpoint_scheme_is_written("udp") || endpoint_scheme_is_written("a:udp:3"));
    assert_string_equal(endpoint_scheme_meant("exce"), "exec");
    assert_string_equal(endpoint_scheme_meant("TPC"), "tcp");
    assert_null(endpoint_scheme_meant("example.org"));
    assert_null(endpoint_scheme_meant(""));
}

static void test_equal(void **state)
{
    (void)state;
    const char *const texts[] = {"80",        "81",        "*:80",     "udp:80",   ":http",
                                 "80%lo",     "a:80",      "[::1]:80", "[::2]:80", "unix:a",
                                 "unix:@a",   "unix:b",    "fd:1",     "fd:2",     "vsock:1:1",
                                 "vsock:2:1", "vsock:1:2", "listen:80"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (size_t j = 0; j < sizeof texts / sizeof *texts; j++) {
            struct endpoint a = parse(texts[i], LISTEN), b = parse(texts[j], LISTEN);
            assert_int_equal(endpoint_equal(&a, &b), i == j);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inet),    cmocka_unit_test(test_other),
        cmocka_unit_test(test_faults),  cmocka_unit_test(test_longest),
        cmocka_unit_test(test_schemes), cmocka_unit_test(test_device_is_scope),
        cmocka_unit_test(test_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
