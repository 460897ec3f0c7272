/* Writes endpoints, and compares them. */
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "net/endpoint.h"

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->scheme == b->scheme && a->listens == b->listens && a->host == b->host &&
           net_addr_equal(&a->addr, &b->addr) && strcmp(a->name, b->name) == 0 &&
           strcmp(a->device, b->device) == 0 && strcmp(a->service, b->service) == 0 &&
           a->port == b->port && a->port_last == b->port_last && a->cid == b->cid &&
           a->vsock_port == b->vsock_port && a->abstract == b->abstract && a->fd == b->fd &&
           same_text(a->text, b->text);
}

/* Whether the host's name would be read as a scheme. */
static bool hides_scheme(const struct endpoint *ep)
{
    if (ep->host != ENDPOINT_NAME)
        return false;
    for (int i = 0; i < ENDPOINT_STDIO; i++)
        if (strcasecmp(ep->name, endpoint_scheme_name((enum endpoint_scheme)i)) == 0)
            return true;
    return strcasecmp(ep->name, "listen") == 0;
}

/* In brackets a number is a scope, so a device with such a name stands behind the port. */
static bool device_in_brackets(const struct endpoint *ep)
{
    return endpoint_device_is_scope(ep) && ep->device[strspn(ep->device, "0123456789")];
}

static void put_address(struct buf *out, const struct endpoint *ep)
{
    bool brackets = ep->addr.family == AF_INET6;
    if (brackets)
        buf_char(out, '[');
    net_addr_format(out, &ep->addr);
    if (ep->addr.scope)
        buf_printf(out, "%%%u", ep->addr.scope);
    if (device_in_brackets(ep))
        buf_printf(out, "%%%s", ep->device);
    if (brackets)
        buf_char(out, ']');
}

static void put_host(struct buf *out, const struct endpoint *ep)
{
    switch (ep->host) {
    case ENDPOINT_THIS_MACHINE:
        if (ep->service[0]) /* a word alone would be a host's name */
            buf_char(out, ':');
        return;
    case ENDPOINT_EVERY_INTERFACE:
        buf_char(out, '*');
        break;
    case ENDPOINT_ADDRESS:
        put_address(out, ep);
        break;
    case ENDPOINT_NAME:
        buf_str(out, ep->name);
        break;
    }
    buf_char(out, ':');
}

static void put_inet(struct buf *out, const struct endpoint *ep)
{
    put_host(out, ep);
    if (ep->service[0])
        buf_str(out, ep->service);
    else
        buf_u64(out, ep->port);
    if (ep->port_last != ep->port)
        buf_printf(out, "-%u", ep->port_last);
    if (ep->device[0] && !device_in_brackets(ep))
        buf_printf(out, "%%%s", ep->device);
}

static void put_vsock(struct buf *out, const struct endpoint *ep)
{
    if (ep->host == ENDPOINT_EVERY_INTERFACE)
        buf_str(out, "*:");
    else if (ep->host == ENDPOINT_ADDRESS)
        buf_printf(out, "%u:", ep->cid);
    buf_u64(out, ep->vsock_port);
}

void endpoint_format(struct buf *out, const struct endpoint *ep)
{
    if (ep->listens)
        buf_str(out, "listen:");
    if (ep->scheme != ENDPOINT_TCP || hides_scheme(ep))
        buf_str(out, endpoint_scheme_name(ep->scheme));
    if (ep->scheme == ENDPOINT_STDIO)
        return;
    if (ep->scheme != ENDPOINT_TCP || hides_scheme(ep))
        buf_char(out, ':');
    if (endpoint_has_port(ep->scheme))
        put_inet(out, ep);
    else if (ep->scheme == ENDPOINT_VSOCK)
        put_vsock(out, ep);
    else if (ep->scheme == ENDPOINT_FD)
        buf_u64(out, (uint64_t)ep->fd);
    else if (ep->abstract)
        buf_char(out, '@');
    if (ep->text)
        buf_str(out, ep->text);
}
