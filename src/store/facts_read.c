/* Facts from JSON. The text may be anything: a fault names the place and changes nothing that the
 * caller can't clear. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "store/facts_file.h"
#include "store/facts_members.h"
#include "store/facts_reader.h"

static int read_namespaces(struct facts_reader *r, const json_t *list)
{
    size_t i;
    const json_t *object;
    json_array_foreach(list, i, object)
    {
        struct net_namespace *n = vec_push(&r->facts->namespaces);
        int result = n ? reader_get_members(r, object, &members_namespace, n, NULL) : -ENOMEM;
        if (result < 0)
            return result;
    }
    return 0;
}

static int read_addresses(struct facts_reader *r, const json_t *list, struct net_iface *iface)
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
        int result = reader_get_members(r, object, &members_address, &iface->addrs[i], NULL);
        if (result < 0)
            return result;
    }
    return 0;
}

static int read_interface(struct facts_reader *r, const json_t *object)
{
    struct net_iface *iface = vec_push(&r->facts->interfaces);
    if (!iface)
        return -ENOMEM;
    int result = reader_get_members(r, object, &members_interface, iface, NULL);
    if (result == 0)
        result = reader_get_members(r, json_object_get(object, "rx"), &members_rx, iface, NULL);
    if (result == 0)
        result = reader_get_members(r, json_object_get(object, "tx"), &members_tx, iface, NULL);
    if (result == 0 && iface->mac_len > sizeof iface->mac)
        result = reader_fault(r, "mac_len");
    return result < 0 ? result : read_addresses(r, json_object_get(object, "addresses"), iface);
}

static int read_interfaces(struct facts_reader *r, const json_t *list)
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

enum { SYSCTL_TEXT_MAX = 1 << 20 };

static int read_sysctls(struct facts_reader *r, const json_t *root)
{
    const char *name;
    json_t *value;
    size_t i;
    json_object_foreach(json_object_get(root, "sysctls"), name, value)
    {
        _cleanup_buf_ struct buf text = BUF_INIT(SYSCTL_TEXT_MAX);
        if (reader_get_bytes(value, text.max, &text) < 0)
            return reader_fault(r, "sysctls");
        int result = facts_add_sysctl(r->facts, name, buf_cstr(&text), false);
        if (result < 0)
            return result == -ENAMETOOLONG ? reader_fault(r, "sysctls") : result;
    }
    const json_t *list = json_object_get(root, "not_permitted");
    json_array_foreach(list, i, value)
    {
        char key[sizeof((struct net_sysctl *)NULL)->name];
        if (reader_get_chars(value, key, sizeof key) < 0)
            return reader_fault(r, "not_permitted");
        if (facts_add_sysctl(r->facts, key, NULL, true) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int read_counters(struct facts_reader *r, const json_t *root)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(root, "counters"), name, value)
    {
        uint64_t number;
        if (reader_get_uint(value, UINT64_MAX, &number) < 0)
            return reader_fault(r, "counters");
        int result = facts_add_counter(r->facts, name, number);
        if (result < 0)
            return result == -ENAMETOOLONG ? reader_fault(r, "counters") : result;
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

static int read_processes(struct facts_reader *r, const json_t *list)
{
    size_t i;
    const json_t *object;
    json_array_foreach(list, i, object)
    {
        struct net_process *p = vec_push(&r->processes);
        if (!p)
            return -ENOMEM;
        int result = reader_get_members(r, object, &members_process, p, &p->known);
        if (result < 0)
            return result;
        p->forbidden = read_process_forbidden(json_object_get(object, "not_permitted")) & ~p->known;
        uint64_t *at = hash_put(&r->by_pid, (uint32_t)p->pid, NULL);
        if (!at)
            return -ENOMEM;
        *at = i + 1;
    }
    return 0;
}

static int read_sockets(struct facts_reader *r, const json_t *list)
{
    size_t i;
    const json_t *object;
    json_array_foreach(list, i, object)
    {
        int result = reader_get_socket(r, object);
        if (result < 0)
            return result;
    }
    return 0;
}

static int read_root(struct facts_reader *r, const json_t *root)
{
    const json_t *version = json_object_get(root, "berth_facts");
    if (!json_is_integer(version) || json_integer_value(version) != FACTS_VERSION)
        return reader_fault(r, "berth_facts");
    int result =
        reader_get_members(r, json_object_get(root, "host"), &members_host, r->facts, NULL);
    if (result == 0)
        result = read_sysctls(r, root);
    if (result == 0)
        result = read_counters(r, root);
    if (result == 0)
        result = read_namespaces(r, json_object_get(root, "namespaces"));
    if (result == 0)
        result = read_interfaces(r, json_object_get(root, "interfaces"));
    if (result == 0)
        result = read_processes(r, json_object_get(root, "processes"));
    return result < 0 ? result : read_sockets(r, json_object_get(root, "sockets"));
}

static int explain_version(const json_t *root, const char *path, struct err *e)
{
    const json_t *version = json_object_get(root, "berth_facts");
    if (!json_is_integer(version))
        return err_word(e, EINVAL, "read facts from", path,
                        "berth list --save didn't write it: the number berth_facts is missing");
    long long is = json_integer_value(version);
    return err_word(e, EINVAL, "read facts from", path,
                    "the file is of version %lld, this berth (%s) reads version %d; %s", is,
                    BERTH_VERSION, FACTS_VERSION,
                    is > FACTS_VERSION
                        ? "read it with a later berth, or save the host with this one"
                        : "save the host again with this one");
}

static int explain(const struct facts_reader *r, int code, const json_t *root, const char *path,
                   struct err *e)
{
    if (code == -EINVAL && r->fault && strcmp(r->fault, "berth_facts") == 0)
        return explain_version(root, path, e);
    if (code == -EINVAL && r->fault)
        return err_set(e, EINVAL, "read facts from", path, "the value of '%s' is of no use",
                       r->fault);
    return err_set(e, -code, "read facts from", path, NULL);
}

static int read_text(const char *text, size_t n, const char *path, struct facts *f, struct err *e)
{
    json_error_t where;
    struct facts_reader r = {
        .facts = f, .processes = VEC_INIT(struct net_process), .texts = VEC_INIT(char *)};
    json_t *root = json_loadb(text, n, JSON_ALLOW_NUL, &where);
    if (!root)
        return err_set(e, EINVAL, "read facts from", path, "line %d, column %d: %s", where.line,
                       where.column, where.text);

    int result = read_root(&r, root);
    if (result < 0)
        explain(&r, result, root, path, e);
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
