#include "kernel/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/parse.h"
#include "net/facts.h"

enum { NAME_MAX_LENGTH = 128, VALUE_MAX = 65536 };

static int path_of(const char *name, char *ret, size_t size)
{
    static const char root[] = "/proc/sys/";
    size_t n = strlen(name);
    if (n == 0 || n + sizeof root > size)
        return -EINVAL;
    memcpy(ret, root, sizeof root);
    char *to = ret + sizeof root - 1;
    for (size_t i = 0; i <= n; i++)
        to[i] = name[i] == '.' ? '/' : name[i] == '/' ? '.' : name[i];
    return strstr(to, "..") || *to == '/' ? -EINVAL : 0;
}

int sysctl_read(const char *name, struct buf *into)
{
    char path[NAME_MAX_LENGTH];
    int r = path_of(name, path, sizeof path);
    if (r == 0)
        r = fd_read_file(AT_FDCWD, path, into);
    if (r < 0)
        return r == -EPERM ? -EACCES : r;
    while (into->len && into->data[into->len - 1] == '\n')
        into->len--;
    return 0;
}

int sysctl_read_u64(const char *name, uint64_t *ret)
{
    _cleanup_buf_ struct buf text = BUF_INIT(VALUE_MAX);
    int r = sysctl_read(name, &text);
    return r < 0 ? r : parse_u64(buf_cstr(&text), 0, UINT64_MAX, ret);
}

int sysctl_read_pair(const char *name, uint32_t *ret_first, uint32_t *ret_second)
{
    _cleanup_buf_ struct buf text = BUF_INIT(VALUE_MAX);
    uint64_t first, second;
    int r = sysctl_read(name, &text);
    if (r < 0 || !buf_reserve(&text, 1))
        return r < 0 ? r : -ENOMEM;
    text.data[text.len] = '\0';

    char *blank = text.data + strcspn(text.data, "\t ");
    if (!*blank)
        return -EINVAL;
    *blank = '\0';
    if (parse_u64(text.data, 0, UINT32_MAX, &first) < 0 ||
        parse_u64(blank + 1, 0, UINT32_MAX, &second) < 0)
        return -EINVAL;
    *ret_first = (uint32_t)first;
    *ret_second = (uint32_t)second;
    return 0;
}

void sysctl_get(const char *name, struct net_sysctl *ret)
{
    _cleanup_buf_ struct buf text = BUF_INIT(VALUE_MAX);
    *ret = (struct net_sysctl){0};
    strncpy(ret->name, name, sizeof ret->name - 1);
    int r = sysctl_read(name, &text);
    ret->known = r == 0;
    ret->forbidden = r == -EACCES;
    if (r == 0)
        strncpy(ret->value, buf_cstr(&text), sizeof ret->value - 1);
}
