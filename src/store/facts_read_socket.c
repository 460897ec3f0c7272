/* One socket of saved facts. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "store/facts_reader.h"

static int read_end(struct facts_reader *r, const json_t *object, const char *key,
                    uint64_t port_most, struct net_addr *addr, uint32_t *port, uint64_t *id)
{
    uint64_t number = 0;
    const json_t *address = json_object_get(object, "address");
    if (reader_has(address) && reader_get_addr(address, addr) < 0)
        return reader_fault(r, key);
    const json_t *value = json_object_get(object, "port");
    if (reader_has(value) && reader_get_uint(value, port_most, &number) < 0)
        return reader_fault(r, key);
    *port = (uint32_t)number;
    value = json_object_get(object, "id");
    return reader_has(value) && reader_get_uint(value, UINT64_MAX, id) < 0 ? reader_fault(r, key)
                                                                           : 0;
}

static int read_ends(struct facts_reader *r, const json_t *object, struct net_socket *s)
{
    const json_t *local = json_object_get(object, "local");
    const json_t *peer = json_object_get(object, "peer");
    bool ip = s->family == AF_INET || s->family == AF_INET6;
    uint64_t port_most = ip ? UINT16_MAX : UINT32_MAX; /* vsock's, netlink's are larger */
    int result = 0;
    if (reader_has(local)) {
        net_socket_set(s, NET_F_LOCAL);
        result = read_end(r, local, "local", port_most, &s->local, &s->local_port, &s->local_id);
    }
    if (result == 0 && reader_has(peer)) {
        net_socket_set(s, NET_F_PEER);
        result = read_end(r, peer, "peer", port_most, &s->peer, &s->peer_port, &s->peer_id);
    } else if (ip) {
        s->peer.family = s->local.family; /* the wildcard, as the kernel has it */
    }
    return result;
}

static int read_field(struct net_socket *s, enum net_field f, const json_t *value)
{
    struct cell cell = {.presence = KNOWN};
    _cleanup_buf_ struct buf bytes = BUF_INIT(1 << 12);
    int r = 0;

    switch (net_field_infos[f].kind) {
    case CELL_BOOL:
        cell.boolean = json_is_true(value);
        r = json_is_boolean(value) ? 0 : -EINVAL;
        break;
    case CELL_INT:
        cell.integer = json_integer_value(value);
        r = json_is_integer(value) ? 0 : -EINVAL;
        break;
    case CELL_TEXT:
        r = reader_get_bytes(value, bytes.max, &bytes);
        cell.text.bytes = bytes.data;
        cell.text.n = bytes.len;
        break;
    default:
        r = reader_get_uint(value, UINT64_MAX, &cell.uint);
    }
    return r < 0 ? r : net_field_put(s, f, &cell);
}

static int read_fields(struct facts_reader *r, const json_t *object, struct net_socket *s)
{
    for (int f = 0; f < NET_F_LOCAL; f++) {
        const char *key = net_field_infos[f].key;
        const json_t *value = json_object_get(object, key);
        if (reader_has(value) && read_field(s, (enum net_field)f, value) < 0)
            return reader_fault(r, key);
    }
    return 0;
}

static int read_owners(struct facts_reader *r, const json_t *list, struct vec *owners)
{
    size_t i;
    const json_t *object;
    json_array_foreach(list, i, object)
    {
        struct net_owner o = {0};
        if (reader_get_i32(json_object_get(object, "pid"), &o.pid) < 0 ||
            reader_get_i32(json_object_get(object, "fd"), &o.fd) < 0)
            return reader_fault(r, "owners");
        const uint64_t *at = hash_get(&r->by_pid, (uint32_t)o.pid);
        o.process = at ? vec_at(&r->processes, *at - 1) : NULL;
        if (vec_add(owners, &o) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* What has a value is known, whatever the list says. */
static void forbid(struct net_socket *s, enum net_field f)
{
    if (!net_socket_knows(s, f))
        net_socket_forbid(s, f);
}

static void read_forbidden(const json_t *list, struct net_socket *s)
{
    size_t i;
    const json_t *value;
    json_array_foreach(list, i, value)
    {
        enum net_field f;
        const char *key = json_string_value(value);
        if (!key)
            continue;
        if (strcmp(key, "owners") == 0)
            forbid(s, NET_F_OWNERS);
        else if (net_field_find(key, &f) == 0)
            forbid(s, f);
    }
}

static int read_head(struct facts_reader *r, const json_t *object, struct net_socket *s)
{
    const char *proto = json_string_value(json_object_get(object, "proto"));
    const char *state = json_string_value(json_object_get(object, "state"));
    uint64_t family = 0, ifindex = 0, detached = 0;

    if (!proto || net_kind_parse(proto, &s->kind) < 0)
        return reader_fault(r, "proto");
    if (!state || (net_state_parse(state, &s->state) < 0 && strcmp(state, "UNKNOWN") != 0))
        return reader_fault(r, "state");
    if (reader_get_uint(json_object_get(object, "family"), UINT16_MAX, &family) < 0)
        return reader_fault(r, "family");
    const json_t *value = json_object_get(object, "ifindex");
    if (reader_has(value) && reader_get_uint(value, UINT32_MAX, &ifindex) < 0)
        return reader_fault(r, "ifindex");
    value = json_object_get(object, "detached");
    if (reader_has(value) && reader_get_uint(value, NET_DETACHED_UNCLEAR, &detached) < 0)
        return reader_fault(r, "detached");
    s->family = (uint16_t)family;
    s->ifindex = (uint32_t)ifindex;
    s->detached = (enum net_detached)detached;
    return 0;
}

int reader_get_socket(struct facts_reader *r, const json_t *object)
{
    struct net_socket s = {0};
    _cleanup_vec_ struct vec owners = VEC_INIT(struct net_owner);
    int result = read_head(r, object, &s);
    if (result == 0)
        result = read_ends(r, object, &s);
    if (result == 0)
        result = read_fields(r, object, &s);
    if (result < 0)
        return result;

    const json_t *list = json_object_get(object, "owners");
    if (reader_has(list)) {
        result = read_owners(r, list, &owners);
        if (result < 0)
            return result;
        net_socket_set(&s, NET_F_OWNERS);
        s.owners = owners.items;
        s.n_owners = (uint32_t)owners.len;
    }
    read_forbidden(json_object_get(object, "not_permitted"), &s);
    return facts_add_socket(r->facts, &s);
}
