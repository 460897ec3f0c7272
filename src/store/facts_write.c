/* Facts to JSON. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "net/facts.h"
#include "store/facts_file.h"
#include "store/facts_members.h"

static void write_addr(struct jsonw *j, const struct net_addr *a)
{
    _cleanup_buf_ struct buf text = BUF_INIT(128);
    net_addr_format(&text, a);
    if (a->scope)
        buf_printf(&text, "%%%u", a->scope);
    jsonw_text(j, text.data, text.len);
}

static void write_bytes(struct jsonw *j, const uint8_t *bytes, size_t n)
{
    char digits[2 * 64 + 1];
    for (size_t i = 0; i < n && i < 64; i++)
        snprintf(digits + 2 * i, 3, "%02x", bytes[i]);
    jsonw_text(j, digits, 2 * n);
}

/* Readers of JSON that keep integers in 64 signed bits lose larger ones. */
static void write_u64(struct jsonw *j, uint64_t value)
{
    char text[24];
    if (value <= INT64_MAX) {
        jsonw_u64(j, value);
        return;
    }
    snprintf(text, sizeof text, "%lu", value);
    jsonw_str(j, text);
}

static uint64_t load_uint(const void *at, enum member_type type)
{
    switch (type) {
    case MEMBER_U8:
        return *(const uint8_t *)at;
    case MEMBER_U16:
        return *(const uint16_t *)at;
    case MEMBER_U32:
        return *(const uint32_t *)at;
    default:
        return *(const uint64_t *)at;
    }
}

static void write_member(struct jsonw *j, const struct member *m, const void *at)
{
    const char *text;
    int32_t number;

    jsonw_key(j, m->key);
    switch (m->type) {
    case MEMBER_I32:
        memcpy(&number, at, sizeof number);
        jsonw_i64(j, number);
        break;
    case MEMBER_CHARS:
        jsonw_text(j, at, strnlen(at, m->size));
        break;
    case MEMBER_TEXT:
        memcpy(&text, at, sizeof text);
        jsonw_str(j, text);
        break;
    case MEMBER_ADDR:
        write_addr(j, at);
        break;
    case MEMBER_BYTES:
        write_bytes(j, at, m->size);
        break;
    default:
        write_u64(j, load_uint(at, m->type));
    }
}

/* An address that isn't there, and a text that is NULL or empty, are left out. */
static bool is_absent(const struct member *m, const void *at)
{
    const char *text;
    if (m->type == MEMBER_ADDR)
        return ((const struct net_addr *)at)->family == AF_UNSPEC;
    if (m->type == MEMBER_CHARS)
        return *(const char *)at == '\0';
    if (m->type != MEMBER_TEXT)
        return false;
    memcpy(&text, at, sizeof text);
    return text == NULL;
}

static void write_members(struct jsonw *j, const struct member_table *t, const void *structure,
                          uint32_t known)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct member *m = &t->members[i];
        const char *at = (const char *)structure + m->offset;
        if (is_absent(m, at) || (m->presence >= 0 && !(known >> m->presence & 1)))
            continue;
        write_member(j, m, at);
    }
}

static void write_interface(struct jsonw *j, const struct net_iface *i)
{
    jsonw_object(j);
    write_members(j, &members_interface, i, 0);
    jsonw_key(j, "rx");
    jsonw_object(j);
    write_members(j, &members_rx, i, 0);
    jsonw_object_end(j);
    jsonw_key(j, "tx");
    jsonw_object(j);
    write_members(j, &members_tx, i, 0);
    jsonw_object_end(j);
    jsonw_key(j, "addresses");
    jsonw_array(j);
    for (uint32_t k = 0; k < i->n_addrs; k++) {
        jsonw_object(j);
        write_members(j, &members_address, &i->addrs[k], 0);
        jsonw_object_end(j);
    }
    jsonw_array_end(j);
    jsonw_object_end(j);
}

static void write_process(struct jsonw *j, const struct net_process *p)
{
    jsonw_object(j);
    write_members(j, &members_process, p, p->known);
    jsonw_key(j, "not_permitted");
    jsonw_array(j);
    for (size_t i = 0; i < members_process.n; i++) {
        const struct member *m = &members_process.members[i];
        if (m->presence >= 0 && p->forbidden >> m->presence & 1)
            jsonw_str(j, m->key);
    }
    jsonw_array_end(j);
    jsonw_object_end(j);
}

static void write_end(struct jsonw *j, const char *key, const struct net_addr *addr, uint32_t port,
                      uint64_t id)
{
    jsonw_key(j, key);
    jsonw_object(j);
    if (addr->family) {
        jsonw_key(j, "address");
        write_addr(j, addr);
    } else {
        jsonw_key(j, "id");
        write_u64(j, id);
    }
    jsonw_key(j, "port");
    jsonw_u64(j, port);
    jsonw_object_end(j);
}

static void write_field(struct jsonw *j, enum net_field f, const struct cell *cell)
{
    jsonw_key(j, net_field_infos[f].key);
    switch (net_field_infos[f].kind) {
    case CELL_BOOL:
        jsonw_bool(j, cell->boolean);
        break;
    case CELL_INT:
        jsonw_i64(j, cell->integer);
        break;
    case CELL_TEXT:
        jsonw_text(j, cell->text.bytes, cell->text.n);
        break;
    default:
        write_u64(j, cell->uint);
    }
}

static void write_owners(struct jsonw *j, const struct net_socket *s)
{
    jsonw_key(j, "owners");
    jsonw_array(j);
    for (uint32_t i = 0; i < s->n_owners; i++) {
        jsonw_object(j);
        jsonw_key(j, "pid");
        jsonw_i64(j, s->owners[i].pid);
        jsonw_key(j, "fd");
        jsonw_i64(j, s->owners[i].fd);
        jsonw_object_end(j);
    }
    jsonw_array_end(j);
}

static void write_not_permitted(struct jsonw *j, const struct net_socket *s)
{
    jsonw_key(j, "not_permitted");
    jsonw_array(j);
    for (int f = 0; f < NET_F_LOCAL; f++)
        if (net_socket_forbids(s, (enum net_field)f))
            jsonw_str(j, net_field_infos[f].key);
    if (net_socket_forbids(s, NET_F_OWNERS))
        jsonw_str(j, "owners");
    jsonw_array_end(j);
}

static void write_socket(struct jsonw *j, const struct net_socket *s)
{
    jsonw_object(j);
    jsonw_key(j, "proto");
    jsonw_str(j, net_kind_name(s->kind));
    jsonw_key(j, "state");
    jsonw_str(j, net_state_name(s->state));
    jsonw_key(j, "family");
    jsonw_u64(j, s->family);
    if (net_socket_knows(s, NET_F_LOCAL))
        write_end(j, "local", &s->local, s->local_port, s->local_id);
    if (net_socket_knows(s, NET_F_PEER))
        write_end(j, "peer", &s->peer, s->peer_port, s->peer_id);
    jsonw_key(j, "ifindex");
    jsonw_u64(j, s->ifindex);
    for (int f = 0; f < NET_F_LOCAL; f++) {
        struct cell cell = net_field_get(s, (enum net_field)f);
        if (cell.presence == KNOWN)
            write_field(j, (enum net_field)f, &cell);
    }
    if (net_socket_knows(s, NET_F_OWNERS))
        write_owners(j, s);
    jsonw_key(j, "detached");
    jsonw_u64(j, s->detached);
    write_not_permitted(j, s);
    jsonw_object_end(j);
}

static void write_sysctls(struct jsonw *j, const struct facts *f)
{
    jsonw_key(j, "sysctls");
    jsonw_object(j);
    for (size_t i = 0; i < f->sysctls.len; i++) {
        const struct net_sysctl *s = vec_at(&f->sysctls, i);
        if (!s->value)
            continue;
        jsonw_key(j, s->name);
        jsonw_str(j, s->value);
    }
    jsonw_object_end(j);
    jsonw_key(j, "not_permitted");
    jsonw_array(j);
    for (size_t i = 0; i < f->sysctls.len; i++) {
        const struct net_sysctl *s = vec_at(&f->sysctls, i);
        if (s->forbidden)
            jsonw_str(j, s->name);
    }
    jsonw_array_end(j);
}

static void write_counters(struct jsonw *j, const struct facts *f)
{
    jsonw_key(j, "counters");
    jsonw_object(j);
    for (size_t i = 0; i < f->counters.len; i++) {
        const struct net_counter *c = vec_at(&f->counters, i);
        jsonw_key(j, c->name);
        write_u64(j, c->value);
    }
    jsonw_object_end(j);
}

void facts_write(struct buf *out, const struct facts *f)
{
    struct jsonw j = JSONW_INIT(out);
    jsonw_object(&j);
    jsonw_key(&j, "berth_facts");
    jsonw_u64(&j, FACTS_VERSION);
    jsonw_key(&j, "host");
    jsonw_object(&j);
    write_members(&j, &members_host, f, 0);
    jsonw_object_end(&j);
    write_sysctls(&j, f);
    write_counters(&j, f);
    jsonw_key(&j, "namespaces");
    jsonw_array(&j);
    for (size_t i = 0; i < f->namespaces.len; i++) {
        jsonw_object(&j);
        write_members(&j, &members_namespace, vec_at(&f->namespaces, i), 0);
        jsonw_object_end(&j);
    }
    jsonw_array_end(&j);
    jsonw_key(&j, "interfaces");
    jsonw_array(&j);
    for (size_t i = 0; i < f->interfaces.len; i++)
        write_interface(&j, vec_at(&f->interfaces, i));
    jsonw_array_end(&j);
    jsonw_key(&j, "processes");
    jsonw_array(&j);
    for (size_t i = 0; i < f->processes.len; i++)
        write_process(&j, *(struct net_process *const *)vec_at(&f->processes, i));
    jsonw_array_end(&j);
    jsonw_key(&j, "sockets");
    jsonw_array(&j);
    for (size_t i = 0; i < f->sockets.len; i++)
        write_socket(&j, vec_at(&f->sockets, i));
    jsonw_array_end(&j);
    jsonw_object_end(&j);
    buf_char(out, '\n');
}

/* Beside the target, so that the rename stays on one file system. */
static int replace_file(const char *path, const struct buf *text)
{
    char temporary[4096];
    int n = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof temporary)
        return -ENAMETOOLONG;
    _cleanup_fd_ int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fd_write_all(fd, text->data, text->len);
    if (r == 0 && (fsync(fd) < 0 || rename(temporary, path) < 0))
        r = -errno;
    if (r < 0)
        unlink(temporary);
    return r;
}

/* A link stays, and leads to the new file. */
static int replace_target(const char *path, const struct buf *text)
{
    char *target = realpath(path, NULL);
    int r = target ? replace_file(target, text) : -errno;
    free(target);
    return r;
}

/* Devices, pipes and what a link makes anew; a folder is refused here. */
static int write_in_place(const char *path, const struct buf *text)
{
    _cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd_write_all(fd, text->data, text->len);
}

static int save_text(const char *path, const struct buf *text)
{
    struct stat st;
    if (strcmp(path, "-") == 0)
        return fd_write_all(STDOUT_FILENO, text->data, text->len);
    if (stat(path, &st) == 0) /* /dev/stdout may lead to a file that has no name any more */
        return S_ISREG(st.st_mode) && st.st_nlink ? replace_target(path, text)
                                                  : write_in_place(path, text);
    if (lstat(path, &st) == 0)
        return write_in_place(path, text);
    return replace_file(path, text);
}

int facts_save(const char *path, const struct facts *f, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(FACTS_FILE_MAX);
    facts_write(&text, f);
    if (text.failed)
        return err_set(e, ENOMEM, "save facts to", path, NULL);
    int r = save_text(path, &text);
    return r < 0 ? err_set(e, -r, "save facts to", path, NULL) : 0;
}
