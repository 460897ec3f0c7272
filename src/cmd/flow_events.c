#include "cmd/flow_events.h"

#include <ctype.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "base/vec.h"
#include "cmd/listeners.h"
#include "flow/target.h"
#include "kernel/links.h"
#include "net/iface.h"
#include "net/reach.h"

/* Words */

static void put_address(struct buf *out, const struct sockaddr_storage *address, socklen_t n)
{
    _cleanup_buf_ struct buf text = BUF_INIT(512);
    target_format(&text, address, n);
    text_escape(out, text.data, text.len);
}

static void put_error(struct buf *out, int error)
{
    const char *words = strerror(error);
    buf_printf(out, "%c%s", tolower((unsigned char)*words), words + 1);
}

/* EPROTO says no more than the words beside it. */
static void put_cause(struct buf *out, const struct event *e)
{
    if (!e->error || (e->words && e->error == EPROTO))
        return;
    buf_str(out, ": ");
    put_error(out, e->error);
}

static void put_status(struct buf *out, int status)
{
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        buf_printf(out, "its process was killed by %s%s", name ? "SIG" : "signal ",
                   name ? name : "");
        if (!name)
            buf_i64(out, WTERMSIG(status));
    } else {
        buf_printf(out, "its process exited with %d", WEXITSTATUS(status));
    }
}

static const char *const why_words[WHYS] = {
    [WHY_NONE] = "ended",
    [WHY_ENDED] = "ended",
    [WHY_PEER_FAILED] = "broken",
    [WHY_FAR_FAILED] = "failed",
    [WHY_IDLE] = "idle for too long",
    [WHY_LIFETIME] = "its --lifetime is over",
    [WHY_STOPPED] = "stopped",
    [WHY_SLOW] = "dropped: it doesn't read what is sent to it",
    [WHY_HEADER] = "refused",
    [WHY_EXITED] = "",
    [WHY_PASSED] = "handed over",
};

const char *flow_event_refusal(enum accept_refusal why)
{
    static const char *const words[] = {[ACCEPT_FULL] =
                                            "there are as many clients as --max-clients allows",
                                        [ACCEPT_DENIED] = "its address is denied",
                                        [ACCEPT_NOT_ALLOWED] = "its address isn't allowed"};
    return words[why];
}

void flow_event_why(struct buf *out, const struct event *e)
{
    if (e->why == WHY_EXITED)
        put_status(out, e->status);
    buf_str(out, why_words[e->why]);
    if (e->words) {
        buf_str(out, ": ");
        text_escape(out, e->words, strlen(e->words));
    }
    put_cause(out, e);
}

static void put_amounts(struct buf *out, const struct event *e)
{
    if (e->bytes_in >= 0 && e->bytes_out >= 0)
        buf_printf(out, "; %ld byte%s in, %ld out", (long)e->bytes_in, e->bytes_in == 1 ? "" : "s",
                   (long)e->bytes_out);
    buf_str(out, ", ");
    time_format_duration(out, e->duration_ns);
}

/* Most clients of UNIX sockets have none. */
static bool has_name(const struct sockaddr_storage *address, socklen_t n)
{
    return n && (address->ss_family != AF_UNIX || n > offsetof(struct sockaddr_un, sun_path));
}

static void put_ends(struct buf *out, const struct event *e)
{
    bool peer = e->peer && has_name(e->peer, e->peer_n);
    if (e->id)
        buf_printf(out, "[%lu] ", (unsigned long)e->id);
    if (e->proto)
        buf_printf(out, "%s ", e->proto);
    if (peer)
        put_address(out, e->peer, e->peer_n);
    if (e->peer && e->local)
        buf_str(out, peer ? " to " : "to ");
    if (e->local)
        put_address(out, e->local, e->local_n);
}

static void put_totals(struct buf *out, const struct event *e)
{
    buf_printf(out, "%lu client%s", (unsigned long)e->clients, e->clients == 1 ? "" : "s");
    if (e->refused)
        buf_printf(out, ", %lu refused", (unsigned long)e->refused);
    put_amounts(out, e);
}

static void put_aside(struct buf *out, const char *words)
{
    if (!words)
        return;
    buf_str(out, " (");
    text_escape(out, words, strlen(words));
    buf_char(out, ')');
}

static void put_words(struct buf *out, const struct event *e)
{
    buf_str(out, "berth: ");
    switch (e->kind) {
    case EVENT_LISTENING:
        buf_str(out, "listening on ");
        put_ends(out, e);
        put_aside(out, e->words);
        break;
    case EVENT_OPENED:
        put_ends(out, e);
        buf_str(out, ": connected");
        put_aside(out, e->words);
        break;
    case EVENT_JOINED:
        put_ends(out, e);
        buf_str(out, ": joined to ");
        put_address(out, e->far, e->far_n);
        put_aside(out, e->words);
        break;
    case EVENT_CLOSED:
        put_ends(out, e);
        buf_str(out, ": ");
        flow_event_why(out, e);
        put_amounts(out, e);
        break;
    case EVENT_REFUSED:
    case EVENT_TROUBLE:
        put_ends(out, e);
        if (e->proto || e->id)
            buf_str(out, ": ");
        if (e->kind == EVENT_REFUSED)
            buf_str(out, "refused, ");
        text_escape(out, e->words, strlen(e->words));
        put_cause(out, e);
        break;
    case EVENT_STOPPING:
        buf_str(out, e->words ? e->words : "stopping");
        break;
    case EVENT_NOTE:
    case EVENT_FAILED:
        text_escape(out, e->words, strlen(e->words));
        break;
    default:
        put_totals(out, e);
    }
    buf_char(out, '\n');
}

/* JSON */

static void put_json_end(struct jsonw *j, const char *key, const struct sockaddr_storage *address,
                         socklen_t n)
{
    struct net_addr a;
    uint16_t port;
    _cleanup_buf_ struct buf text = BUF_INIT(512);
    jsonw_key(j, key);
    if (!address) {
        jsonw_null(j);
        return;
    }
    jsonw_object(j);
    jsonw_key(j, "address");
    if (target_get_ip(address, &a, &port)) {
        net_addr_format(&text, &a);
        jsonw_text(j, text.data, text.len);
    } else {
        target_format(&text, address, n);
        const char *colon = text.data ? memchr(text.data, ':', text.len) : NULL;
        size_t skipped = colon ? (size_t)(colon - text.data) + 1 : 0;
        if (text.len > skipped)
            jsonw_text(j, text.data + skipped, text.len - skipped);
        else
            jsonw_null(j);
        port = 0;
    }
    jsonw_key(j, "port");
    if (port)
        jsonw_u64(j, port);
    else
        jsonw_null(j);
    jsonw_object_end(j);
}

static void put_json_bytes(struct jsonw *j, const char *key, int64_t bytes)
{
    jsonw_key(j, key);
    if (bytes >= 0)
        jsonw_i64(j, bytes);
    else
        jsonw_null(j);
}

static void put_json_why(struct jsonw *j, const struct event *e)
{
    _cleanup_buf_ struct buf words = BUF_INIT(4096);
    jsonw_key(j, "why");
    jsonw_str(j, event_why_name(e->why));
    flow_event_why(&words, e);
    jsonw_key(j, "text");
    jsonw_str(j, buf_cstr(&words));
    jsonw_key(j, "status");
    if (e->why == WHY_EXITED && WIFEXITED(e->status))
        jsonw_i64(j, WEXITSTATUS(e->status));
    else
        jsonw_null(j);
}

static void put_json_amounts(struct jsonw *j, const struct event *e)
{
    put_json_bytes(j, "bytes_in", e->bytes_in);
    put_json_bytes(j, "bytes_out", e->bytes_out);
    jsonw_key(j, "duration_ns");
    jsonw_u64(j, e->duration_ns);
}

static void put_json_ends(struct jsonw *j, const struct event *e)
{
    jsonw_key(j, "id");
    if (e->id)
        jsonw_u64(j, e->id);
    else
        jsonw_null(j);
    jsonw_key(j, "proto");
    jsonw_str(j, e->proto);
    put_json_end(j, "local", e->local, e->local_n);
    put_json_end(j, "peer", e->peer, e->peer_n);
}

static bool has_ends(enum event_kind kind)
{
    return kind != EVENT_STOPPING && kind != EVENT_NOTE && kind != EVENT_FAILED;
}

static void put_json(struct buf *out, const struct event *e)
{
    struct jsonw j = JSONW_INIT(out);
    jsonw_object(&j);
    jsonw_key(&j, "event");
    jsonw_str(&j, event_kind_name(e->kind));
    jsonw_key(&j, "time_ns");
    jsonw_u64(&j, time_real_ns());
    if (e->kind == EVENT_TOTALS) {
        jsonw_key(&j, "clients");
        jsonw_u64(&j, e->clients);
        jsonw_key(&j, "refused");
        jsonw_u64(&j, e->refused);
    } else if (has_ends(e->kind)) {
        put_json_ends(&j, e);
    }
    if (e->kind == EVENT_JOINED)
        put_json_end(&j, "far", e->far, e->far_n);
    if (e->kind == EVENT_CLOSED)
        put_json_why(&j, e);
    else if (e->words) {
        jsonw_key(&j, e->kind == EVENT_LISTENING ? "reach" : "text");
        jsonw_str(&j, e->words);
    }
    if (e->kind == EVENT_CLOSED || e->kind == EVENT_TOTALS)
        put_json_amounts(&j, e);
    if (e->kind == EVENT_NOTE) {
        jsonw_key(&j, "fingerprint");
        jsonw_str(&j, e->fingerprint);
    }
    if (e->kind == EVENT_CLOSED || e->kind == EVENT_TROUBLE || e->kind == EVENT_FAILED) {
        jsonw_key(&j, "error");
        jsonw_str(&j, e->error ? err_name(e->error) : NULL);
    }
    jsonw_object_end(&j);
    buf_char(out, '\n');
}

void flow_events_show(const struct flow_events *f, const struct event *e)
{
    if (f->quiet && e->kind != EVENT_FAILED)
        return;
    _cleanup_buf_ struct buf line = BUF_INIT(1 << 14);
    if (f->mid_line && *f->mid_line) {
        buf_char(&line, '\n');
        *f->mid_line = 0;
    }
    if (f->json)
        put_json(&line, e);
    else
        put_words(&line, e);
    fd_write_all(STDERR_FILENO, line.data, line.len);
}

void flow_events_stopping(const struct flow_events *f, uint32_t clients, uint64_t grace_ns)
{
    _cleanup_buf_ struct buf words = BUF_INIT(256);
    buf_str(&words, "stopping");
    if (clients && grace_ns) {
        buf_printf(&words, "; %u client%s ", clients, clients == 1 ? " has" : "s have");
        time_format_duration(&words, grace_ns);
        buf_str(&words, " to end, unless a second signal comes");
    }
    flow_events_show(f, &(struct event){.kind = EVENT_STOPPING, .words = buf_cstr(&words)});
}

bool flow_event_is_due(uint64_t *last_ns, uint64_t now_ns)
{
    if (*last_ns && now_ns - *last_ns < 1000000000)
        return false;
    *last_ns = now_ns;
    return true;
}

void flow_events_err(const struct flow_events *f, enum event_kind kind, const struct err *e)
{
    _cleanup_buf_ struct buf words = BUF_INIT(4096);
    if (!f || !f->json) {
        if (!f || !f->quiet || kind == EVENT_FAILED)
            err_print(e, stderr);
        return;
    }
    err_format(&words, e);
    flow_events_show(f, &(struct event){.kind = kind, .words = buf_cstr(&words), .error = e->code});
}

void flow_events_note(const struct flow_events *f, const char *format, ...)
{
    static const struct flow_events plain = {0};
    char words[4096];
    va_list ap;
    va_start(ap, format);
    vsnprintf(words, sizeof words, format, ap);
    va_end(ap);
    flow_events_show(f ? f : &plain, &(struct event){.kind = EVENT_NOTE, .words = words});
}

/* Who can reach it */

static void take_unix(struct net_socket *s, const struct target *t)
{
    struct sockaddr_un un;
    memcpy(&un, &t->address, sizeof un);
    s->kind = net_kind_of_unix(t->type);
    size_t n = t->address_n > offsetof(struct sockaddr_un, sun_path)
                   ? t->address_n - offsetof(struct sockaddr_un, sun_path)
                   : 0;
    if (n == 0 || n >= sizeof s->path)
        return;
    memcpy(s->path, un.sun_path, n);
    if (!un.sun_path[0])
        s->path[0] = '@';
    s->path_len = (uint8_t)n;
}

static void take_ip(struct net_socket *s, const struct target *t, int fd)
{
    uint16_t port;
    int v6only = 0;
    socklen_t n = sizeof v6only, device_n = sizeof s->device;
    s->kind = t->type == SOCK_DGRAM ? NET_UDP : NET_TCP;
    target_get_ip(&t->address, &s->local, &port);
    s->local_port = port;
    if (t->family == AF_INET6 && getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &n) == 0) {
        s->v6only = v6only;
        net_socket_set(s, NET_F_V6ONLY);
    }
    if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, s->device, &device_n) == 0 && s->device[0])
        net_socket_set(s, NET_F_DEVICE);
}

static void describe_reach(struct buf *out, const struct target *t, int fd)
{
    struct net_socket s = {.state = t->type == SOCK_DGRAM ? NET_CLOSE : NET_LISTEN,
                           .family = (uint16_t)t->family};
    struct vec links = VEC_INIT(struct net_iface);
    if (t->family == AF_UNIX) {
        take_unix(&s, t);
    } else if (t->family == AF_VSOCK) {
        struct sockaddr_vm vm;
        memcpy(&vm, &t->address, sizeof vm);
        s.kind = NET_VSOCK;
        s.local_id = vm.svm_cid;
        s.local_port = vm.svm_port;
    } else {
        take_ip(&s, t, fd);
        links_read(&links, NULL);
    }
    net_reach_describe(out, &s, links.items, (uint32_t)links.len);
    links_free(&links);
}

void flow_events_listening(const struct flow_events *f, const struct listener *l, int fd)
{
    _cleanup_buf_ struct buf reach = BUF_INIT(1024);
    if (f->quiet)
        return;
    describe_reach(&reach, &l->target, fd);
    flow_events_show(f, &(struct event){.kind = EVENT_LISTENING,
                                        .proto = listener_proto(l),
                                        .local = &l->target.address,
                                        .local_n = l->target.address_n,
                                        .words = reach.len ? buf_cstr(&reach) : NULL});
}
