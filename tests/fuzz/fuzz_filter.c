/* Filters: any text is a filter or a fault that can be shown, and no filter matches a socket that
 * it said need not be read. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "fuzz.h"
#include "net/filter.h"

static int some_host(void *ctx, const char *name, struct net_addr *ret, size_t max)
{
    (void)ctx, (void)max;
    net_addr_parse("127.0.0.1", &ret[0], NULL);
    net_addr_parse("::1", &ret[1], NULL);
    return *name == 'n' ? -ENOENT : 2;
}

static int some_service(void *ctx, const char *name, const char *protocol, uint16_t *ret)
{
    (void)ctx, (void)protocol;
    *ret = 22;
    return *name == 's' ? 0 : -ENOENT;
}

static int some_number(void *ctx, const char *name, uint32_t *ret)
{
    (void)ctx;
    *ret = 2;
    return *name == 'e' ? 0 : -ENOENT;
}

static int some_id(void *ctx, const char *name, uint64_t *ret)
{
    (void)ctx;
    *ret = 2;
    return *name == '/' ? 0 : -ENOENT;
}

static const struct net_filter_names names = {
    .host = some_host,
    .service = some_service,
    .user = some_number,
    .device = some_number,
    .cgroup = some_id,
    .netns = some_id,
    .now_ns = 1,
};

static const struct net_process process = {.pid = 1, .comm = "nginx", .cmdline = "nginx -g x"};
static const struct net_owner owners[] = {{1, 3, &process}, {2, 4, NULL}};

static size_t make_sockets(struct net_socket *ret)
{
    struct net_socket tcp = {.kind = NET_TCP, .family = AF_INET6, .state = NET_ESTABLISHED};
    net_addr_parse("::ffff:127.0.0.1", &tcp.local, NULL);
    net_addr_parse("fe80::1%2", &tcp.peer, NULL);
    tcp.local_port = 22;
    tcp.owners = owners;
    tcp.n_owners = 2;
    tcp.known.words[0] = 0x5555555555555555;
    tcp.forbidden.words[0] = 0x8888888888888888;
    struct net_socket udp = {.kind = NET_UDP, .family = AF_INET, .state = NET_CLOSE};
    net_socket_set(&udp, NET_F_OWNERS);
    struct net_socket local = {.kind = NET_UNIX_STREAM, .family = AF_UNIX, .state = NET_LISTEN};
    memcpy(local.path, "@a\0b[]*c", 8);
    local.path_len = 8;
    net_socket_set(&local, NET_F_PATH);
    struct net_socket vsock = {.kind = NET_VSOCK, .family = AF_VSOCK, .local_port = UINT32_MAX};
    struct net_socket other = {.kind = NET_OTHER, .family = 300, .state = NET_STATE_UNKNOWN};
    ret[0] = tcp, ret[1] = udp, ret[2] = local, ret[3] = vsock, ret[4] = other;
    return 5;
}

static void check_match(const struct net_filter *f)
{
    struct net_socket sockets[5];
    struct net_filter_needs needs;
    size_t n = make_sockets(sockets);
    net_filter_needs(f, &needs);
    fuzz_check(!(needs.kinds_meant & ~needs.kinds), "what is meant can match");
    for (size_t i = 0; i < n; i++) {
        const struct net_socket *s = &sockets[i];
        if (net_filter_match(f, s) == NET_MATCH_NO)
            continue;
        fuzz_check(needs.kinds >> s->kind & 1, "the kind is needed");
        fuzz_check(needs.states >> s->state & 1, "the state is needed");
        fuzz_check((s->family != AF_INET && s->family != AF_INET6) ||
                       needs.families >> s->family & 1,
                   "the family is needed");
    }
}

static void check_fault(const char *text, const struct net_filter_fault *fault)
{
    _cleanup_buf_ struct buf shown = BUF_INIT(1 << 16);
    size_t lines = 0;
    fuzz_check(fault->at <= strlen(text) && fault->message[0], "the fault lies in the text");
    net_filter_explain_fault(&shown, text, fault);
    fuzz_check(!shown.failed, "a fault is short");
    for (size_t at = 0, len; at < shown.len; at += len) {
        unsigned c;
        len = text_decode_utf8(shown.data + at, shown.len - at, &c);
        fuzz_check(len > 0 && (c == '\n' || !text_is_unsafe(c)), "it is safe to show");
        lines += c == '\n';
    }
    fuzz_check(lines == 3, "message, text and caret");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct net_filter *f = NULL;
    struct net_filter_fault fault = {0};
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    int r = net_filter_parse(text, &names, &f, &fault);
    fuzz_check(r == 0 || r == -EINVAL, "a filter or a fault");
    if (r == 0)
        check_match(f);
    else
        check_fault(text, &fault);
    net_filter_free(f);
    free(text);
    return 0;
}
