#include "kernel/netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/parse.h"
#include "base/vec.h"
#include "kernel/privilege.h"
#include "kernel/procfs.h"
#include "net/facts.h"

static const char named_dir[] = "/run/netns";
enum { NAMESPACES_MAX = 1 << 16 };

static int inode_at(int dirfd, const char *path, uint64_t *ret)
{
    struct stat st;
    if (fstatat(dirfd, path, &st, 0) < 0)
        return -errno;
    *ret = st.st_ino;
    return 0;
}

int netns_self(uint64_t *ret_inode)
{
    return inode_at(AT_FDCWD, "/proc/thread-self/ns/net", ret_inode);
}

int netns_inode(int fd, uint64_t *ret_inode)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    *ret_inode = st.st_ino;
    return 0;
}

/* A file may have any name and be anywhere: only a network namespace answers so. */
static bool is_netns(int fd)
{
    return ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET;
}

static int open_netns(int dirfd, const char *path, int *ret)
{
    _cleanup_fd_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -errno;
    if (!is_netns(fd))
        return -EINVAL;
    *ret = fd_take(&fd);
    return 0;
}

struct listing {
    struct vec *all;
    struct hash by_inode; /* index + 1 in all */
};

/* The entry of a namespace, made when it is first met; NULL without memory or beyond reason. */
static struct net_namespace *entry(struct listing *l, uint64_t inode)
{
    const uint64_t *known = hash_get(&l->by_inode, inode);
    if (known)
        return vec_at(l->all, *known - 1);
    uint64_t *index = l->all->len < NAMESPACES_MAX ? hash_put(&l->by_inode, inode, NULL) : NULL;
    struct net_namespace *ns = index ? vec_push(l->all) : NULL;
    if (!ns)
        return NULL;
    *index = l->all->len;
    ns->inode = inode;
    return ns;
}

static int list_named(struct listing *l)
{
    struct dirent *d;
    DIR *dir = opendir(named_dir);
    if (!dir)
        return errno == ENOENT || errno == EACCES ? 0 : -errno;
    int r = 0;
    while (r == 0 && (d = readdir(dir)) != NULL) {
        uint64_t inode = 0;
        _cleanup_fd_ int fd = -1;
        if (d->d_name[0] == '.' || open_netns(dirfd(dir), d->d_name, &fd) < 0 ||
            netns_inode(fd, &inode) < 0)
            continue; /* what is left of a namespace that is gone */
        struct net_namespace *ns = entry(l, inode);
        if (!ns)
            r = -ENOMEM;
        else if (!ns->name[0])
            snprintf(ns->name, sizeof ns->name, "%.63s", d->d_name);
    }
    closedir(dir);
    return r;
}

static int list_processes(struct listing *l, uint32_t *ret_hidden)
{
    struct procfs_dir proc;
    uint32_t pid;
    int r = procfs_dir_open(&proc, AT_FDCWD, "/proc");
    if (r < 0)
        return r;
    while ((r = procfs_dir_next(&proc, &pid)) > 0) {
        char path[11 + 8];
        uint64_t inode = 0;
        snprintf(path, sizeof path, "%u/ns/net", pid);
        r = inode_at(proc.fd, path, &inode);
        *ret_hidden += r == -EACCES || r == -EPERM;
        if (r < 0)
            continue;
        struct net_namespace *ns = entry(l, inode);
        if (!ns) {
            r = -ENOMEM;
            break;
        }
        if (!ns->pid)
            ns->pid = (int32_t)pid;
    }
    procfs_dir_close(&proc);
    return r;
}

int netns_list(struct vec *ret, uint32_t *ret_hidden)
{
    _cleanup_vec_ struct vec all = VEC_INIT(struct net_namespace);
    struct listing l = {.all = &all};
    uint64_t own;
    uint32_t hidden = 0;
    int r = netns_self(&own);
    if (r == 0)
        r = entry(&l, own) ? 0 : -ENOMEM;
    if (r == 0)
        r = list_named(&l);
    if (r == 0)
        r = list_processes(&l, &hidden);
    hash_free(&l.by_inode);
    if (r < 0)
        return r;
    vec_free(ret);
    *ret = all;
    all = VEC_INIT(struct net_namespace);
    *ret_hidden = hidden;
    return 0;
}

int netns_open_pid(int32_t pid, struct err *e)
{
    char path[32], subject[32];
    int fd = -1;
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    snprintf(subject, sizeof subject, "process %d", pid);
    int r = open_netns(AT_FDCWD, path, &fd);
    if (r == -ENOENT)
        r = -ESRCH;
    if (r < 0)
        return err_set(e, -r, "open the network namespace of", subject, "%s",
                       r == -EACCES ? privilege_to_see() : "");
    return fd;
}

/* By its name, its process, or as the caller's own. The process may have gone and its number be
 * another's: only the right inode will do. */
static int open_known(const struct net_namespace *ns, int *ret)
{
    char path[sizeof named_dir + sizeof ns->name + 1];
    uint64_t opened = 0;
    _cleanup_fd_ int fd = -1;
    if (ns->name[0])
        snprintf(path, sizeof path, "%s/%s", named_dir, ns->name);
    else if (ns->pid)
        snprintf(path, sizeof path, "/proc/%d/ns/net", ns->pid);
    else
        snprintf(path, sizeof path, "/proc/thread-self/ns/net");
    int r = open_netns(AT_FDCWD, path, &fd);
    if (r == 0)
        r = netns_inode(fd, &opened);
    if (r < 0)
        return r;
    if (opened != ns->inode)
        return -ENOENT;
    *ret = fd_take(&fd);
    return 0;
}

int netns_open_inode(uint64_t inode, struct err *e)
{
    _cleanup_vec_ struct vec all = VEC_INIT(struct net_namespace);
    char subject[32];
    uint32_t hidden;
    int fd = -1, r = netns_list(&all, &hidden);
    snprintf(subject, sizeof subject, "%llu", (unsigned long long)inode);
    if (r < 0)
        return err_set(e, -r, "list network namespaces in", "/proc", NULL);
    for (size_t i = 0; i < all.len && fd < 0; i++) {
        const struct net_namespace *ns = vec_at(&all, i);
        if (ns->inode == inode)
            r = open_known(ns, &fd);
    }
    if (fd >= 0)
        return fd;
    if (hidden)
        return err_set(e, EACCES, "find the network namespace", subject,
                       "%u process%s may not be looked at; %s", hidden, hidden == 1 ? "" : "es",
                       privilege_to_see());
    return err_set(e, r < 0 ? -r : ENOENT, "find the network namespace", subject, NULL);
}

int netns_open_listed(const struct net_namespace *ns, struct err *e)
{
    int fd = -1;
    return open_known(ns, &fd) == 0 ? fd : netns_open_inode(ns->inode, e);
}

/* Namespaces' inodes are numbered from here (PROC_DYNAMIC_FIRST in fs/proc/generic.c; the fixed
 * ones stand just before it, include/linux/proc_ns.h); no pid is so large. */
static const uint64_t first_inode = 0xeffffff0;

int netns_open(const char *text, struct err *e)
{
    uint64_t number;
    char path[sizeof named_dir + 256];
    int fd = -1;
    if (strncmp(text, "pid:", 4) == 0 && parse_u64(text + 4, 1, INT32_MAX, &number) == 0)
        return netns_open_pid((int32_t)number, e);
    bool is_path = strchr(text, '/') != NULL;
    int r = -ENOENT;
    if (is_path)
        r = open_netns(AT_FDCWD, text, &fd);
    else if (*text && (size_t)snprintf(path, sizeof path, "%s/%s", named_dir, text) < sizeof path)
        r = open_netns(AT_FDCWD, path, &fd);
    if (r == 0)
        return fd;
    if (!is_path && parse_u64(text, 1, UINT64_MAX, &number) == 0)
        return number < first_inode ? netns_open_pid((int32_t)number, e)
                                    : netns_open_inode(number, e);
    return err_set(e, -r, "open the network namespace", text, "%s",
                   r == -ENOENT   ? "it may be a name of /run/netns, pid:N, an inode, or a path"
                   : r == -EINVAL ? "that is no network namespace"
                                  : "");
}

int netns_enter(struct netns_visit *v, int fd, struct err *e)
{
    uint64_t own, there;
    v->home = -1;
    if (netns_self(&own) == 0 && netns_inode(fd, &there) == 0 && own == there)
        return 0;
    _cleanup_fd_ int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0)
        return err_set(e, errno, "open", "/proc/thread-self/ns/net", NULL);
    if (setns(fd, CLONE_NEWNET) < 0)
        return err_set(e, errno, "enter another network namespace", "", "%s",
                       errno == EPERM ? "that needs root, or CAP_SYS_ADMIN" : "");
    v->home = fd_take(&home);
    return 0;
}

int netns_leave(struct netns_visit *v, struct err *e)
{
    _cleanup_fd_ int home = fd_take(&v->home);
    if (home < 0 || setns(home, CLONE_NEWNET) == 0)
        return 0;
    return err_set(e, errno, "come back from another network namespace", "", NULL);
}
