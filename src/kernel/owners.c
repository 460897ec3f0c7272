#include "kernel/owners.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/vec.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "kernel/source.h"

enum { MOUNTS_MAX = 4 << 20, WIDE_GAP = 4 };

/* 12 bytes for each descriptor. The holders of one socket are a ring: the map leads to the last
 * one, whose `next` is the first, so that adding at the end takes one step. */
struct holder {
    uint32_t process; /* index in the cache */
    int32_t fd;
    uint32_t next;
};

/* Beside the index: owners_find was asked for this socket. */
static const uint64_t ASKED = 1ull << 32;

struct owners {
    const struct source_query *query;
    uint64_t sockfs;
    struct hash last; /* inode -> index in holders, and ASKED */
    struct vec holders;
    struct process_cache processes;
    struct vec found; /* struct net_owner: the last answer */
    struct owners_blind blind;
    bool threads_read;
    bool looked; /* blind is filled */
};

/* What is being walked: one process, and how far it is known. */
struct walk {
    struct owners *o;
    int32_t pid;
    int dirfd;       /* /proc/PID, which holds the number for us: no other process can take it */
    bool registered; /* in the cache, as `process` */
    size_t process;
    bool again; /* some of its descriptors are known already */
};

static bool ended(int r)
{
    return r == -ENOENT || r == -ESRCH;
}

static bool refused(int r)
{
    return r == -EACCES || r == -EPERM;
}

static bool has_holder(const struct owners *o, uint64_t inode, size_t process, int32_t fd)
{
    const uint64_t *last = hash_get(&o->last, inode);
    if (!last)
        return false;
    uint32_t at = (uint32_t)*last;
    do {
        const struct holder *h = vec_at(&o->holders, at);
        if (h->process == process && h->fd == fd)
            return true;
        at = h->next;
    } while (at != (uint32_t)*last);
    return false;
}

static int add_holder(struct owners *o, uint64_t inode, size_t process, int32_t fd)
{
    bool first;
    uint32_t index = (uint32_t)o->holders.len;
    if (o->holders.len >= UINT32_MAX)
        return -ENOMEM;
    struct holder *h = vec_push(&o->holders);
    if (!h)
        return -ENOMEM;
    *h = (struct holder){(uint32_t)process, fd, index};
    uint64_t *last = hash_put(&o->last, inode, &first);
    if (!last) {
        o->holders.len--;
        return -ENOMEM;
    }
    if (!first) {
        struct holder *before = vec_at(&o->holders, (uint32_t)*last);
        h->next = before->next;
        before->next = index;
    }
    *last = (*last & ASKED) | index;
    return 0;
}

int owners_add(struct owners *o, uint64_t inode, const struct net_process *p, int32_t fd)
{
    size_t index;
    int r = process_cache_add(&o->processes, p, &index);
    return r < 0 ? r : add_holder(o, inode, index, fd);
}

/* The process is read when its first socket is met: most processes have none. */
static int register_process(struct walk *w)
{
    struct net_process p;
    int r = process_read(w->dirfd, w->pid, &p);
    if (r == 0)
        r = process_cache_add(&w->o->processes, &p, &w->process);
    w->registered = r == 0;
    return r;
}

/* 0, or a negative errno: -ENOENT where there is no such descriptor, or no more. */
static int look_at(struct walk *w, int dirfd, uint32_t fd)
{
    uint64_t inode;
    int r = procfs_fd_socket(dirfd, fd, w->o->sockfs, &inode);
    if (r <= 0)
        return r;
    if (!w->registered && (r = register_process(w)) < 0)
        return r;
    if (w->again && has_holder(w->o, inode, w->process, (int32_t)fd))
        return 0;
    return add_holder(w->o, inode, w->process, (int32_t)fd);
}

/* Descriptors are numbered with few gaps, and a question that is answered costs as much whether a
 * directory told the number or not. The directory tells what comes behind a wide gap, or a first.
 */
static int walk_open(struct walk *w, struct procfs_dir *dir, bool *ret_any)
{
    uint32_t fd = 0, gap = 0;
    int r = 0;
    for (; gap < WIDE_GAP && (gap == 0 || *ret_any); fd++) {
        r = look_at(w, dir->fd, fd);
        if (r < 0 && !ended(r))
            return r;
        gap = r < 0 ? gap + 1 : 0;
        *ret_any = *ret_any || r == 0;
    }
    r = procfs_dir_skip(dir, fd);
    while (r == 0 && (r = procfs_dir_next(dir, &fd)) > 0) {
        *ret_any = true;
        r = look_at(w, dir->fd, fd);
        if (ended(r))
            r = 0; /* closed since */
    }
    return r;
}

/* Reads one directory of descriptors; *ret_any tells whether there was one at all. */
static int walk_fds(struct walk *w, const char *path, bool *ret_any)
{
    struct procfs_dir dir;
    *ret_any = false;
    int r = procfs_dir_open(&dir, w->dirfd, path);
    if (r < 0) {
        w->o->blind.closed += refused(r);
        return r;
    }
    r = walk_open(w, &dir, ret_any);
    procfs_dir_close(&dir);
    return r;
}

static unsigned format_thread_path(char *to, uint32_t tid)
{
    memcpy(to, "task/", 5);
    unsigned len = 5 + procfs_format_number(to + 5, tid);
    memcpy(to + len, "/fd", 4);
    return len + 3;
}

/* kcmp(2): no two questions cost less. Unknown (no permission, no CONFIG_KCMP) counts as different:
 * then the thread is read, and what is known already is left out. */
static bool shares_files(int32_t a, int32_t b)
{
    return syscall(SYS_kcmp, a, b, KCMP_FILES, 0, 0) == 0;
}

/* The threads whose descriptors are not those of the first thread or of the one read before. */
static int walk_threads(struct walk *w)
{
    struct procfs_dir tasks;
    uint32_t tid;
    bool any;
    char path[5 + 10 + 3 + 1];
    int32_t seen = w->pid;
    w->again = true;
    int r = procfs_dir_open(&tasks, w->dirfd, "task");
    if (r < 0)
        return r;
    while ((r = procfs_dir_next(&tasks, &tid)) > 0) {
        if ((int32_t)tid == w->pid || shares_files(w->pid, (int32_t)tid) ||
            (seen != w->pid && shares_files(seen, (int32_t)tid)))
            continue;
        format_thread_path(path, tid);
        r = walk_fds(w, path, &any);
        if (r < 0 && !ended(r))
            break;
        seen = (int32_t)tid;
    }
    procfs_dir_close(&tasks);
    return r;
}

static bool is_multithreaded(int dirfd)
{
    struct stat st;
    return fstatat(dirfd, "task", &st, 0) == 0 && st.st_nlink > 3; /* ".", ".." and the threads */
}

static int walk_process(struct owners *o, int proc, int32_t pid, bool threads_only)
{
    char name[11];
    bool any = false;
    procfs_format_number(name, (uint32_t)pid);
    _cleanup_fd_ int dirfd = openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0)
        return -errno;

    struct walk w = {.o = o, .pid = pid, .dirfd = dirfd};
    int r = threads_only ? 0 : walk_fds(&w, "fd", &any);
    /* No descriptor at all: the first thread may have ended before the others. */
    if (r == 0 && !any && is_multithreaded(dirfd))
        r = walk_threads(&w);
    return r;
}

static int walk_all(struct owners *o, bool threads_only)
{
    struct procfs_dir proc;
    uint32_t pid;
    int r = procfs_dir_open(&proc, AT_FDCWD, "/proc");
    if (refused(r)) { /* all of it: Landlock */
        o->blind.refused++;
        return 0;
    }
    if (r < 0)
        return r;
    while ((r = procfs_dir_next(&proc, &pid)) > 0) {
        r = walk_process(o, proc.fd, (int32_t)pid, threads_only);
        if (refused(r))
            o->blind.refused += !threads_only;
        else if (r < 0 && !ended(r))
            break;
    }
    procfs_dir_close(&proc);
    return r;
}

/* Whether /proc is mounted so that others' processes aren't listed (hidepid=2 or 4, "invisible" and
 * "ptraceable", proc(5)). Who may see all the same is told by gid=; we don't guess, we look. */
static bool proc_hides(void)
{
    _cleanup_buf_ struct buf text = BUF_INIT(MOUNTS_MAX);
    if (fd_read_file(AT_FDCWD, "/proc/self/mounts", &text) < 0)
        return false;
    const char *line = buf_cstr(&text);
    for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        const char *at = memmem(line, (size_t)(end - line), " /proc proc ", 12);
        const char *hide = at ? memmem(at, (size_t)(end - at), "hidepid=", 8) : NULL;
        if (hide && (hide[8] == '2' || hide[8] == '4' || hide[8] == 'i' || hide[8] == 'p'))
            return true;
    }
    return false;
}

/* hidepid doesn't hide from those who may look: then process 1 is there. */
static bool is_process_one_missing(void)
{
    return access("/proc/1", F_OK) < 0 && errno == ENOENT;
}

static void look_around(struct owners *o)
{
    o->looked = true;
    o->blind.hidepid = is_process_one_missing() && proc_hides();
    uint64_t pids = procfs_pid_namespace();
    o->blind.pid_namespace = pids && pids != PROCFS_FIRST_PID_NAMESPACE;
    o->blind.no_proc = access("/proc/self", F_OK) < 0;
}

/* Whether a process's descriptors may not be seen: its first says it for all. */
static bool is_refused(const struct owners *o, int proc, uint32_t pid)
{
    struct procfs_dir dir;
    char path[10 + 3 + 1];
    uint32_t fd;
    uint64_t inode;
    unsigned len = procfs_format_number(path, pid);
    memcpy(path + len, "/fd", sizeof "/fd");
    int r = procfs_dir_open(&dir, proc, path);
    if (r < 0)
        return refused(r);
    r = procfs_dir_next(&dir, &fd);
    if (r > 0)
        r = procfs_fd_socket(dir.fd, fd, o->sockfs, &inode);
    procfs_dir_close(&dir);
    return refused(r);
}

int owners_new(const struct source_query *q, struct owners **ret, struct err *e)
{
    struct owners *o = calloc(1, sizeof *o);
    if (!o)
        return err_set(e, ENOMEM, "read owners", "", NULL);
    o->query = q;
    o->holders = VEC_INIT(struct holder);
    o->found = VEC_INIT(struct net_owner);
    process_cache_init(&o->processes, q);
    *ret = o;
    return 0;
}

bool owners_wanted(const struct source_query *q)
{
    return q->detail & (SOURCE_OWNERS | SOURCE_CMDLINE | SOURCE_PROCESS | SOURCE_OPTIONS);
}

int owners_read(const struct source_query *q, struct owners **ret, struct err *e)
{
    _cleanup_owners_ struct owners *o = NULL;
    int r = owners_new(q, &o, e);
    if (r < 0)
        return r;
    r = procfs_sockfs_device(&o->sockfs);
    if (r == 0)
        r = walk_all(o, false);
    if (r < 0)
        return err_set(e, -r, "read the descriptors of processes in", "/proc", NULL);
    look_around(o);
    *ret = o;
    o = NULL;
    return 0;
}

void owners_free(struct owners **o)
{
    if (!*o)
        return;
    process_cache_clear(&(*o)->processes);
    hash_free(&(*o)->last);
    vec_free(&(*o)->holders);
    vec_free(&(*o)->found);
    free(*o);
    *o = NULL;
}

static bool is_blind(const struct owners *o)
{
    return o->blind.refused || o->blind.hidepid || o->blind.pid_namespace || o->blind.no_proc;
}

/* The holders of the ring that ends with `last`, from its first on. */
static enum owners_answer gather(struct owners *o, uint32_t last, const struct net_owner **ret,
                                 uint32_t *ret_n)
{
    uint32_t at = last;
    o->found.len = 0;
    do {
        at = ((struct holder *)vec_at(&o->holders, at))->next;
        const struct holder *h = vec_at(&o->holders, at);
        const struct net_process *p = process_cache_at(&o->processes, h->process);
        if (vec_add(&o->found, &(struct net_owner){p->pid, h->fd, p}) < 0)
            return OWNERS_NO_MEMORY;
    } while (at != last);
    *ret = o->found.items;
    *ret_n = (uint32_t)o->found.len;
    return OWNERS_FOUND;
}

enum owners_answer owners_find(struct owners *o, uint64_t inode, const struct net_owner **ret,
                               uint32_t *ret_n)
{
    uint64_t *last = inode ? hash_get(&o->last, inode) : NULL;
    if (!last && inode && o->sockfs && !o->threads_read) {
        o->threads_read = true;
        (void)walk_all(o, true); /* whatever it couldn't read, the first walk has counted */
        last = hash_get(&o->last, inode);
    }
    if (last) {
        *last |= ASKED;
        return gather(o, (uint32_t)*last, ret, ret_n);
    }
    *ret = NULL;
    *ret_n = 0;
    return inode && is_blind(o) ? OWNERS_HIDDEN : OWNERS_NONE;
}

struct unasked {
    uint64_t inode;
    uint32_t holder;
};

static int by_holder(const void *a, const void *b)
{
    uint32_t x = ((const struct unasked *)a)->holder, y = ((const struct unasked *)b)->holder;
    return x < y ? -1 : x > y;
}

static int collect_unasked(const struct owners *o, struct vec *ret)
{
    for (size_t i = 0; i < o->last.cap; i++) {
        const struct hash_slot *slot = &o->last.slots[i];
        if (slot->key && !(slot->value & ASKED) &&
            vec_add(ret, &(struct unasked){slot->key, (uint32_t)slot->value}) < 0)
            return -ENOMEM;
    }
    if (ret->len)
        qsort(ret->items, ret->len, sizeof(struct unasked), by_holder);
    return 0;
}

int owners_unasked(struct owners *o, struct vec *ret)
{
    _cleanup_vec_ struct vec all = VEC_INIT(struct unasked);
    int r = collect_unasked(o, &all);
    for (size_t i = 0; i < all.len && r == 0; i++) {
        const struct unasked *u = vec_at(&all, i);
        const struct holder *h = vec_at(&o->holders, u->holder);
        const struct net_process *p = process_cache_at(&o->processes, h->process);
        r = vec_add(ret, &(struct owners_socket){u->inode, p->pid, h->fd});
    }
    return r;
}

bool owners_may_hide(struct owners *o)
{
    struct procfs_dir proc;
    uint32_t pid;
    if (o->looked)
        return is_blind(o);
    look_around(o);
    if (procfs_dir_open(&proc, AT_FDCWD, "/proc") < 0)
        return is_blind(o);
    while (procfs_dir_next(&proc, &pid) > 0)
        o->blind.refused += is_refused(o, proc.fd, pid);
    procfs_dir_close(&proc);
    return is_blind(o);
}

const struct net_process *owners_complete(struct owners *o, const struct net_process *p)
{
    size_t index;
    if (process_cache_add(&o->processes, p, &index) < 0)
        return NULL;
    return process_cache_at(&o->processes, index);
}

void owners_blind(const struct owners *o, struct owners_blind *ret)
{
    *ret = o->blind;
}
