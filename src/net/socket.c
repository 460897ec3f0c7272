#include "net/socket.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static_assert(NET_FIELD_COUNT <= 128, "net_fieldset has room for every field");

struct place {
    size_t offset, size;
};

static const struct place places[] = {
#define X(id, key, kind, member, help) \
    [NET_F_##id] = {offsetof(struct net_socket, member), sizeof(((struct net_socket *)0)->member)},
    NET_FIELDS(X)
#undef X
};

const struct net_field_info net_field_infos[] = {
#define X(id, key, kind, member, help) [NET_F_##id] = {key, help, CELL_##kind},
    NET_FIELDS(X)
#undef X
};

/* Compares a key with what was written: '-' is '_', and the unit may be missing. */
static bool key_matches(const char *key, const char *written)
{
    static const char *const suffixes[] = {"", "_us", "_ms", "_s", "_bytes", "_bps"};
    for (; *written && (*key == *written || (*key == '_' && *written == '-')); key++)
        written++;
    if (*written)
        return false;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (strcmp(key, suffixes[i]) == 0)
            return true;
    return false;
}

int net_field_find(const char *key, enum net_field *ret)
{
    for (int f = 0; f < NET_F_LOCAL; f++) {
        if (key_matches(net_field_infos[f].key, key)) {
            *ret = (enum net_field)f;
            return 0;
        }
    }
    return -EINVAL;
}

static void set_bit(struct net_fieldset *set, enum net_field f)
{
    set->words[f / 64] |= UINT64_C(1) << f % 64;
}

static bool has_bit(const struct net_fieldset *set, enum net_field f)
{
    return set->words[f / 64] >> f % 64 & 1;
}

void net_socket_set(struct net_socket *s, enum net_field f)
{
    set_bit(&s->known, f);
}

void net_socket_forbid(struct net_socket *s, enum net_field f)
{
    set_bit(&s->forbidden, f);
}

void net_socket_unset(struct net_socket *s, enum net_field f)
{
    s->known.words[f / 64] &= ~(UINT64_C(1) << f % 64);
    s->forbidden.words[f / 64] &= ~(UINT64_C(1) << f % 64);
}

bool net_socket_knows(const struct net_socket *s, enum net_field f)
{
    return has_bit(&s->known, f);
}

bool net_socket_forbids(const struct net_socket *s, enum net_field f)
{
    return has_bit(&s->forbidden, f);
}

struct cell net_field_get(const struct net_socket *s, enum net_field f)
{
    struct cell cell = {.presence = ABSENT};
    if (!net_socket_knows(s, f)) {
        cell.presence = net_socket_forbids(s, f) ? FORBIDDEN : ABSENT;
        return cell;
    }

    const char *at = (const char *)s + places[f].offset;
    cell.presence = KNOWN;
    switch (net_field_infos[f].kind) {
    case CELL_BOOL:
        memcpy(&cell.boolean, at, sizeof cell.boolean);
        break;
    case CELL_UINT:
    case CELL_INT:
        memcpy(&cell.uint, at, sizeof cell.uint);
        break;
    default: /* CELL_TEXT: the table has no other */
        cell.text.bytes = at;
        cell.text.n = f == NET_F_PATH ? s->path_len : strnlen(at, places[f].size);
    }
    return cell;
}

static int put_text(struct net_socket *s, enum net_field f, char *at, const struct cell *cell)
{
    if (cell->text.n >= places[f].size)
        return -EINVAL;
    memset(at, 0, places[f].size);
    if (cell->text.n)
        memcpy(at, cell->text.bytes, cell->text.n);
    if (f == NET_F_PATH)
        s->path_len = (uint8_t)cell->text.n;
    return 0;
}

int net_field_put(struct net_socket *s, enum net_field f, const struct cell *cell)
{
    char *at = (char *)s + places[f].offset;
    int r = 0;
    switch (net_field_infos[f].kind) {
    case CELL_BOOL:
        memcpy(at, &cell->boolean, sizeof cell->boolean);
        break;
    case CELL_UINT:
    case CELL_INT:
        memcpy(at, &cell->uint, sizeof cell->uint);
        break;
    default: /* CELL_TEXT: the table has no other */
        r = put_text(s, f, at, cell);
    }
    if (r == 0)
        net_socket_set(s, f);
    return r;
}

int net_socket_copy(struct net_socket *ret, const struct net_socket *s)
{
    struct net_owner *owners = NULL;
    if (s->n_owners) {
        owners = reallocarray(NULL, s->n_owners, sizeof *owners);
        if (!owners)
            return -ENOMEM;
        memcpy(owners, s->owners, s->n_owners * sizeof *owners);
    }
    *ret = *s;
    ret->owners = owners;
    return 0;
}

void net_socket_copy_free(struct net_socket *s)
{
    free((void *)s->owners);
    s->owners = NULL;
    s->n_owners = 0;
}

bool net_socket_is_listener(const struct net_socket *s)
{
    switch (s->kind) {
    case NET_UDP:
    case NET_UDPLITE:
    case NET_UNIX_DGRAM:
    case NET_RAW:
    case NET_PING:
        return s->state == NET_CLOSE;
    default:
        return s->state == NET_LISTEN;
    }
}
