/* Facts from JSON. The text may be anything: a fault names the place and changes nothing that the
 * caller can't clear. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/text.h"
#include "net/facts.h"
#include "store/facts_file.h"
#include "store/facts_members.h"

struct reader {
    struct facts *facts;
    struct vec processes; /* struct net_process; their texts are owned by `texts` */
    struct vec texts;     /* char * */
    struct hash by_pid;   /* pid -> index + 1 */
    const char *fault;    /* the key that could not be read */
};

static int fault(struct reader *r, const char *key)
{
    r->fault = key;
    return -EINVAL;
}

static int get_uint(const json_t *value, uint64_t max, uint64_t *ret)
{
    if (json_is_string(value))
        return parse_u64(json_string_value(value), 0, max, ret);
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > max)
        return -EINVAL;
    *ret = (uint64_t)json_integer_value(value);
    return 0;
}

static int get_addr(const json_t *value, struct net_addr *ret)
{
    return json_is_string(value) ? net_addr_parse(json_string_value(value), ret, NULL) : -EINVAL;
}

/* The text's bytes; at most max of them. */
static int get_bytes(const json_t *value, size_t max, struct buf *ret)
{
    if (!json_is_string(value))
        return -EINVAL;
    text_from_utf8(ret, json_string_value(value), json_string_length(value));
    return ret->failed || ret->len > max ? -EINVAL : 0;
}

static int get_chars(const json_t *value, char *ret, size_t size)
{
    _cleanup_buf_ struct buf bytes = BUF_INIT(1 << 16);
    int r = get_bytes(value, size - 1, &bytes);
    if (r < 0)
        return r;
    memset(ret, 0, size);
    if (bytes.len)
        memcpy(ret, bytes.data, bytes.len);
    return 0;
}

static int get_text(struct reader *r, const json_t *value, const char **ret)
{
    _cleanup_buf_ struct buf bytes = BUF_INIT(1 << 24);
    int result = get_bytes(value, 1 << 23, &bytes);
    if (result < 0)
        return result;
    char *text = strndup(buf_cstr(&bytes), bytes.len);
    if (!text || vec_add(&r->texts, &text) < 0) {
        free(text);
        return -ENOMEM;
    }
    *ret = text;
    return 0;
}

static int get_hex(const json_t *value, uint8_t *ret, size_t size)
{
    const char *digits = json_string_value(value);
    if (!digits || strlen(digits) != 2 * size || strspn(digits, "0123456789abcdef") != 2 * size)
        return -EINVAL;
    for (size_t i = 0; i < size; i++) {
        char pair[3] = {digits[2 * i], digits[2 * i + 1], '\0'};
        ret[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return 0;
}

static int get_i32(const json_t *value, int32_t *ret)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < INT32_MIN || number > INT32_MAX)
        return -EINVAL;
    *ret = (int32_t)number;
    return 0;
}

static int get_unsigned_member(const json_t *value, enum member_type type, void *at)
{
    static const uint64_t most[] = {
        [MEMBER_U8] = UINT8_MAX,
        [MEMBER_U16] = UINT16_MAX,
        [MEMBER_U32] = UINT32_MAX,
        [MEMBER_U64] = UINT64_MAX,
    };
    uint64_t number;
    int r = get_uint(value, most[type], &number);
    if (r < 0)
        return r;
    if (type == MEMBER_U8)
        *(uint8_t *)at = (uint8_t)number;
    else if (type == MEMBER_U16)
        *(uint16_t *)at = (uint16_t)number;
    else if (type == MEMBER_U32)
        *(uint32_t *)at = (uint32_t)number;
    else
        *(uint64_t *)at = number;
    return 0;
}

static int get_member(struct reader *r, const json_t *value, const struct member *m, void *at)
{
    switch (m->type) {
    case MEMBER_I32:
        return get_i32(value, at);
    case MEMBER_CHARS:
        return get_chars(value, at, m->size);
    case MEMBER_TEXT:
        return get_text(r, value, at);
    case MEMBER_ADDR:
        return get_addr(value, at);
    case MEMBER_BYTES:
        return get_hex(value, at, m->size);
    default:
        return get_unsigned_member(value, m->type, at);
    }
}

static bool is_there(const json_t *value)
{
    return value && !json_is_null(value);
}

/* *ret_known gets the presence bits of the members that were there; it may be NULL. */
static int read_members(struct reader *r, const json_t *object, const struct member_table *t,
                        void *structure, uint32_t *ret_known)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct member *m = &t->members[i];
        const json_t *value = json_object_get(object, m->key);
        if (!is_there(value))
            continue;
        if (get_member(r, value, m, (char *)structure + m->offset) < 0)
            return fault(r, m->key);
        if (ret_known && m->presence >= 0)
            *ret_known |= 1u << m->presence;
    }
    return 0;
}

static int read_namespaces(struct reader *r, const json_t *list)
{
    size_t i;
    const json_t *object;
    json_array_foreach(list, i, object)
    {
        struct net_namespace *n = vec_push(&r->facts->namespaces);
        int result = n ? read_members(r, object, &members_namespace, n, NULL) : -ENOMEM;
        if (result < 0)
            return result;
    }
    return 0;
}

static int read_addresses(struct reader *r, const json_t *list, struct net_iface *iface)
{
    size_t i, n = json_array_size(list);
    const json_t *object;
    if (n == 0)
        return 0;
    iface->addrs = calloc(n, sizeof *iface->addrs);
    if (!iface->addrs)
        return -ENOMEM;
    iface->n_addrs = (uint32_t)n;
    json_array_foreach(list, i, object)
    {
        int result = read_members(r, object, &members_address, &iface->addrs[i], NULL);
        if (result < 0)
            return result;
    }
    return 0;
}

static int read_interface(struct reader *r, const json_t *object)
{
    struct net_iface *iface = vec_push(&r->facts->interfaces);
    if (!iface)
        return -ENOMEM;
    int result = read_members(r, object, &members_interface, iface, NULL);
    if (result == 0)
        result = read_members(r, json_object_get(object, "rx"), &members_rx, iface, NULL);
    if (result == 0)
        result = read_members(r, json_object_get(object, "tx"), &members_tx, iface, NULL);
    if (result == 0 && iface->mac_len > sizeof iface->mac)
        result = fault(r, "mac_len");
    return result < 0 ? result : read_addresses(r, json_object_get(object, "addresses"), iface);
}

static int read_interfaces(struct reader *r, const json_t *list)
{
    size_t i;
    const json_t *object;
    json_array_foreach(list, i, object)
    {
        int result = read_interface(r, object);
        if (result < 0)
            return result;
    }
    return 0;
}

static int read_sysctls(struct reader *r, const json_t *root)
{
    const char *name;
    json_t *value;
    size_t i;
    json_object_foreach(json_object_get(root, "sysctls"), name, value)
    {
        struct net_sysctl s = {.known = true};
        if (strlen(name) >= sizeof s.name || get_chars(value, s.value, sizeof s.value) < 0)
            return fault(r, "sysctls");
        strcpy(s.name, name);
        if (vec_add(&r->facts->sysctls, &s) < 0)
            return -ENOMEM;
    }
    const json_t *list = json_object_get(root, "not_permitted");
    json_array_foreach(list, i, value)
    {
        struct net_sysctl s = {.forbidden = true};
        if (get_chars(value, s.name, sizeof s.name) < 0)
            return fault(r, "not_permitted");
        if (vec_add(&r->facts->sysctls, &s) < 0)
            return -ENOMEM;
    }
    return 0;
}

static uint32_t read_process_forbidden(const json_t *list)
{
    uint32_t mask = 0;
    size_t i;
    const json_t *key;
    json_array_foreach(list, i, key)
    {
        for (size_t k = 0; k < members_process.n; k++) {
            const struct member *m = &members_process.members[k];
            if (m->presence >= 0 && json_is_string(key) &&
                strcmp(m->key, json_string_value(key)) == 0)
                mask |= 1u << m->presence;
        }
    }
    return mask;
}

static int read_processes(struct reader *r, const json_t *list)
{
    size_t i;
    const json_t *object;
    json_array_foreach(list, i, object)
    {
        struct net_process *p = vec_push(&r->processes);
        if (!p)
            return -ENOMEM;
        int result = read_members(r, object, &members_process, p, &p->known);
        if (result < 0)
            return result;
        p->forbidden = read_process_forbidden(json_object_get(object, "not_permitted"));
        uint64_t *at = hash_put(&r->by_pid, (uint32_t)p->pid, NULL);
        if (!at)
            return -ENOMEM;
        *at = i + 1;
    }
    return 0;
}

/* Sockets */

static int read_end(struct reader *r, const json_t *object, const char *key, struct net_addr *addr,
                    uint32_t *port, uint64_t *id)
{
    uint64_t number = 0;
    const json_t *address = json_object_get(object, "address");
    if (is_there(address) && get_addr(address, addr) < 0)
        return fault(r, key);
    const json_t *value = json_object_get(object, "port");
    if (is_there(value) && get_uint(value, UINT32_MAX, &number) < 0)
        return fault(r, key);
    *port = (uint32_t)number;
    value = json_object_get(object, "id");
    return is_there(value) && get_uint(value, UINT64_MAX, id) < 0 ? fault(r, key) : 0;
}

static int read_ends(struct reader *r, const json_t *object, struct net_socket *s)
{
    const json_t *local = json_object_get(object, "local");
    const json_t *peer = json_object_get(object, "peer");
    int result = 0;
    if (is_there(local)) {
        net_socket_set(s, NET_F_LOCAL);
        result = read_end(r, local, "local", &s->local, &s->local_port, &s->local_id);
    }
    if (result == 0 && is_there(peer)) {
        net_socket_set(s, NET_F_PEER);
        result = read_end(r, peer, "peer", &s->peer, &s->peer_port, &s->peer_id);
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
        r = get_bytes(value, bytes.max, &bytes);
        cell.text.bytes = bytes.data;
        cell.text.n = bytes.len;
        break;
    default:
        r = get_uint(value, UINT64_MAX, &cell.uint);
    }
    return r < 0 ? r : net_field_put(s, f, &cell);
}

static int read_fields(struct reader *r, const json_t *object, struct net_socket *s)
{
    for (int f = 0; f < NET_F_LOCAL; f++) {
        const char *key = net_field_infos[f].key;
        const json_t *value = json_object_get(object, key);
        if (is_there(value) && read_field(s, (enum net_field)f, value) < 0)
            return fault(r, key);
    }
    return 0;
}

static int read_owners(struct reader *r, const json_t *list, struct vec *owners)
{
    size_t i;
    const json_t *object;
    json_array_foreach(list, i, object)
    {
        struct net_owner o = {0};
        if (get_i32(json_object_get(object, "pid"), &o.pid) < 0 ||
            get_i32(json_object_get(object, "fd"), &o.fd) < 0)
            return fault(r, "owners");
        const uint64_t *at = hash_get(&r->by_pid, (uint32_t)o.pid);
        o.process = at ? vec_at(&r->processes, *at - 1) : NULL;
        if (vec_add(owners, &o) < 0)
            return -ENOMEM;
    }
    return 0;
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
            net_socket_forbid(s, NET_F_OWNERS);
        else if (net_field_find(key, &f) == 0)
            net_socket_forbid(s, f);
    }
}

static int read_head(struct reader *r, const json_t *object, struct net_socket *s)
{
    const char *proto = json_string_value(json_object_get(object, "proto"));
    const char *state = json_string_value(json_object_get(object, "state"));
    uint64_t family = 0, ifindex = 0, detached = 0;

    if (!proto || net_kind_parse(proto, &s->kind) < 0)
        return fault(r, "proto");
    if (!state || (net_state_parse(state, &s->state) < 0 && strcmp(state, "UNKNOWN") != 0))
        return fault(r, "state");
    if (get_uint(json_object_get(object, "family"), UINT16_MAX, &family) < 0)
        return fault(r, "family");
    const json_t *value = json_object_get(object, "ifindex");
    if (is_there(value) && get_uint(value, UINT32_MAX, &ifindex) < 0)
        return fault(r, "ifindex");
    value = json_object_get(object, "detached");
    if (is_there(value) && get_uint(value, NET_DETACHED_UNCLEAR, &detached) < 0)
        return fault(r, "detached");
    s->family = (uint16_t)family;
    s->ifindex = (uint32_t)ifindex;
    s->detached = (enum net_detached)detached;
    return 0;
}

static int read_socket(struct reader *r, const json_t *object)
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
    if (is_there(list)) {
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

static int read_sockets(struct reader *r, const json_t *list)
{
    size_t i;
    const json_t *object;
    json_array_foreach(list, i, object)
    {
        int result = read_socket(r, object);
        if (result < 0)
            return result;
    }
    return 0;
}

static int read_root(struct reader *r, const json_t *root)
{
    const json_t *version = json_object_get(root, "berth_facts");
    if (!json_is_integer(version) || json_integer_value(version) != FACTS_VERSION)
        return fault(r, "berth_facts");
    int result = read_members(r, json_object_get(root, "host"), &members_host, r->facts, NULL);
    if (result == 0)
        result = read_sysctls(r, root);
    if (result == 0)
        result = read_namespaces(r, json_object_get(root, "namespaces"));
    if (result == 0)
        result = read_interfaces(r, json_object_get(root, "interfaces"));
    if (result == 0)
        result = read_processes(r, json_object_get(root, "processes"));
    return result < 0 ? result : read_sockets(r, json_object_get(root, "sockets"));
}

static int explain(const struct reader *r, int code, const char *path, struct err *e)
{
    if (code == -EINVAL && r->fault && strcmp(r->fault, "berth_facts") == 0)
        return err_set(e, EINVAL, "read facts from", path,
                       "no facts of version %d: the key berth_facts doesn't say so", FACTS_VERSION);
    if (code == -EINVAL && r->fault)
        return err_set(e, EINVAL, "read facts from", path, "the value of '%s' is of no use",
                       r->fault);
    return err_set(e, -code, "read facts from", path, NULL);
}

static int read_text(const char *text, size_t n, const char *path, struct facts *f, struct err *e)
{
    json_error_t where;
    struct reader r = {
        .facts = f, .processes = VEC_INIT(struct net_process), .texts = VEC_INIT(char *)};
    json_t *root = json_loadb(text, n, JSON_ALLOW_NUL, &where);
    if (!root)
        return err_set(e, EINVAL, "read facts from", path, "line %d, column %d: %s", where.line,
                       where.column, where.text);

    int result = read_root(&r, root);
    if (result < 0)
        explain(&r, result, path, e);
    for (size_t i = 0; i < r.texts.len; i++)
        free(*(char **)vec_at(&r.texts, i));
    vec_free(&r.texts);
    vec_free(&r.processes);
    hash_free(&r.by_pid);
    json_decref(root);
    return result;
}

int facts_read(const char *text, unsigned long n, struct facts *f, struct err *e)
{
    return read_text(text, n, "text", f, e);
}

int facts_load(const char *path, struct facts *f, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(FACTS_FILE_MAX);
    int r = fd_read_file(AT_FDCWD, strcmp(path, "-") == 0 ? "/dev/stdin" : path, &text);
    if (r < 0)
        return err_set(e, -r, "read facts from", path, NULL);
    return read_text(text.data, text.len, path, f, e);
}
