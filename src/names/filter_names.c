#include "names/filter_names.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <mntent.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "names/services.h"
#include "names/sockaddr.h"
#include "names/users.h"

static int errno_of_eai(int code)
{
    switch (code) {
    case EAI_SYSTEM:
        return errno;
    case EAI_MEMORY:
        return ENOMEM;
    case EAI_AGAIN:
        return EAGAIN;
    default:
        return ENOENT;
    }
}

static int find_host(void *ctx, const char *name, struct net_addr *ret, size_t max)
{
    (void)ctx;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    int r = getaddrinfo(name, NULL, &hints, &list), n = 0;
    if (r)
        return -errno_of_eai(r);
    for (struct addrinfo *at = list; at && (size_t)n < max; at = at->ai_next)
        n += sockaddr_read(at->ai_addr, &ret[n], NULL);
    freeaddrinfo(list);
    return n ? n : -ENOENT;
}

static int find_service(void *ctx, const char *name, const char *protocol, uint16_t *ret)
{
    (void)ctx;
    return services_port(name, protocol, ret);
}

static int find_user(void *ctx, const char *name, uint32_t *ret)
{
    (void)ctx;
    return users_uid(name, ret);
}

static int find_device(void *ctx, const char *name, uint32_t *ret)
{
    (void)ctx;
    unsigned index = if_nametoindex(name);
    if (!index)
        return -errno;
    *ret = index;
    return 0;
}

/* The id is what the kernel gives as the file handle of the group's directory (kernfs); an inode
 * number has the same value on 64 bits only. */
static int cgroup_id(const char *path, uint64_t *ret)
{
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } h = {.handle.handle_bytes = sizeof *ret};
    struct statfs fs;
    struct stat st;
    int mount_id;

    if (statfs(path, &fs) < 0)
        return -errno;
    if (fs.f_type != CGROUP2_SUPER_MAGIC)
        return -ENOENT;
    if (name_to_handle_at(AT_FDCWD, path, &h.handle, &mount_id, 0) == 0 &&
        h.handle.handle_bytes == sizeof *ret) {
        memcpy(ret, h.handle.f_handle, sizeof *ret);
        return 0;
    }
    if (stat(path, &st) < 0)
        return -errno;
    *ret = st.st_ino;
    return 0;
}

static int cgroup_under(const char *root, const char *path, uint64_t *ret)
{
    char whole[PATH_MAX];
    int n = snprintf(whole, sizeof whole, "%s/%s", root, path);
    return n < 0 || (size_t)n >= sizeof whole ? -ENAMETOOLONG : cgroup_id(whole, ret);
}

static int find_cgroup(void *ctx, const char *path, uint64_t *ret)
{
    (void)ctx;
    struct mntent entry;
    char line[PATH_MAX + 1024];
    int r = -ENOENT;
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    while (mounts && r < 0 && getmntent_r(mounts, &entry, line, sizeof line))
        if (strcmp(entry.mnt_type, "cgroup2") == 0)
            r = cgroup_under(entry.mnt_dir, path, ret);
    if (mounts)
        endmntent(mounts);
    return r < 0 && *path == '/' ? cgroup_id(path, ret) : r;
}

static const struct net_filter_names names = {
    .host = find_host,
    .service = find_service,
    .user = find_user,
    .device = find_device,
    .cgroup = find_cgroup,
};

const struct net_filter_names *filter_names(void)
{
    return &names;
}
