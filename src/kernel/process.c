#include "kernel/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "kernel/procfs.h"
#include "kernel/source.h"
#include "net/cgroup.h"

/* One page is what these files are made for; a command line may be longer. */
enum { STAT_MAX = 4096, CGROUP_MAX = 64 << 10, LINK_TEXT_MAX = 4096 };

#define NS_PER_SECOND UINT64_C(1000000000)

static uint64_t start_in_ns(uint64_t ticks)
{
    uint64_t per_second = (uint64_t)sysconf(_SC_CLK_TCK);
    return ticks / per_second * NS_PER_SECOND + ticks % per_second * NS_PER_SECOND / per_second;
}

uint64_t process_round_start(uint64_t ns)
{
    uint64_t tick = NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK);
    return ns - ns % tick;
}

bool process_is_same_start(uint64_t a_ns, uint64_t b_ns)
{
    return process_round_start(a_ns) == process_round_start(b_ns);
}

static int open_process(int32_t pid)
{
    char path[6 + 11] = "/proc/";
    procfs_format_number(path + 6, (uint32_t)pid);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Reads one small file in one go into `to`; the length, or a negative errno. /proc/PID/stat comes
 * whole from one read, so the two halves can't be of different moments. */
static ssize_t read_small(int dirfd, const char *name, char *to, size_t size)
{
    _cleanup_fd_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, to, size);
    return n < 0 ? -errno : n;
}

static int read_stat(int dirfd, struct process_stat *ret)
{
    char text[STAT_MAX];
    ssize_t n = read_small(dirfd, "stat", text, sizeof text);
    return n < 0 ? (int)n : process_parse_stat(text, (size_t)n, ret);
}

int process_read(int dirfd, int32_t pid, struct net_process *ret)
{
    struct process_stat stat_;
    struct stat st;
    int r = read_stat(dirfd, &stat_);
    if (r < 0)
        return r;
    *ret = (struct net_process){.pid = pid, .ppid = stat_.ppid};
    ret->start_ns = start_in_ns(stat_.start_ticks);
    ret->known = 1 << NET_P_START;
    memcpy(ret->comm, stat_.comm, sizeof ret->comm);
    /* The directory itself belongs to the effective uid, of undumpable processes too
     * (task_dump_owner in fs/proc/base.c), which spares us /proc/PID/status. */
    if (fstat(dirfd, &st) == 0) {
        ret->uid = st.st_uid;
        ret->known |= 1 << NET_P_UID;
    }
    return 0;
}

/* Marks a field by what its reading gave: 0 known, no permission forbidden, else absent. */
static void mark(struct net_process *p, enum net_process_field f, int result)
{
    if (result == 0)
        p->known |= UINT32_C(1) << f;
    else if (result == -EACCES || result == -EPERM)
        p->forbidden |= UINT32_C(1) << f;
}

/* What was read so far as a text of its own, or NULL if it is empty. */
static int take_text(struct buf *b, const char **ret)
{
    if (b->failed)
        return -ENOMEM;
    if (b->len == 0)
        return 0;
    char *text = malloc(b->len + 1);
    if (!text)
        return -ENOMEM;
    memcpy(text, b->data, b->len);
    text[b->len] = '\0';
    *ret = text;
    return 0;
}

int process_read_title(int32_t pid, struct buf *out)
{
    char path[32];
    _cleanup_buf_ struct buf raw = BUF_INIT(PROCESS_CMDLINE_MAX);
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    int r = fd_read_file(-1, path, &raw);
    if (r < 0 && r != -EFBIG)
        return r;
    if (raw.len)
        buf_add(out, raw.data, strnlen(raw.data, raw.len));
    return 0;
}

static int read_cmdline(int dirfd, const char **ret)
{
    _cleanup_buf_ struct buf raw = BUF_INIT(PROCESS_CMDLINE_MAX);
    _cleanup_buf_ struct buf text = BUF_INIT(PROCESS_CMDLINE_MAX);
    int r = fd_read_file(dirfd, "cmdline", &raw);
    if (r < 0 && r != -EFBIG) /* a longer one is cut */
        return r;
    process_parse_cmdline(raw.data, raw.len, &text);
    return take_text(&text, ret);
}

static int read_link(int dirfd, const char *name, const char **ret)
{
    char text[LINK_TEXT_MAX];
    ssize_t n = readlinkat(dirfd, name, text, sizeof text);
    if (n < 0)
        return errno == ENOENT ? 0 : -errno; /* a kernel thread has neither exe nor cwd */
    *ret = strndup(text, (size_t)n);
    return *ret ? 0 : -ENOMEM;
}

static int copy_text(const char *text, const char **ret)
{
    if (!*text)
        return 0;
    *ret = strdup(text);
    return *ret ? 0 : -ENOMEM;
}

static int read_cgroup(int dirfd, struct net_process *p)
{
    _cleanup_buf_ struct buf raw = BUF_INIT(CGROUP_MAX);
    const char *path;
    size_t len;
    struct net_cgroup c;
    int r = fd_read_file(dirfd, "cgroup", &raw);
    if (r < 0)
        return r;
    r = process_parse_cgroup(raw.data, raw.len, &path, &len);
    if (r < 0)
        return r;
    p->cgroup = strndup(path, len);
    if (!p->cgroup)
        return -ENOMEM;
    net_cgroup_explain(p->cgroup, &c);
    r = copy_text(c.unit, &p->unit);
    return r < 0 ? r : copy_text(c.container, &p->container);
}

int process_read_details(struct net_process *p, uint32_t detail)
{
    struct process_stat now;
    struct stat ns;
    _cleanup_fd_ int dirfd = open_process(p->pid);
    if (dirfd < 0)
        return dirfd == -ENOENT ? -ESRCH : dirfd;
    int r = read_stat(dirfd, &now);
    if (r < 0)
        return r == -ENOENT ? -ESRCH : r;
    if (!process_is_same_start(start_in_ns(now.start_ticks), p->start_ns))
        return -ESRCH; /* another process by the same number */
    p->ppid = now.ppid;

    if (detail & SOURCE_CMDLINE)
        mark(p, NET_P_CMDLINE, read_cmdline(dirfd, &p->cmdline));
    if (detail & SOURCE_PROCESS) {
        mark(p, NET_P_EXE, read_link(dirfd, "exe", &p->exe));
        mark(p, NET_P_CWD, read_link(dirfd, "cwd", &p->cwd));
        mark(p, NET_P_CGROUP, read_cgroup(dirfd, p));
        if (fstatat(dirfd, "ns/net", &ns, 0) == 0)
            p->netns = ns.st_ino;
    }
    return 0;
}

bool process_is_alive(const struct net_process *p)
{
    struct process_stat now;
    _cleanup_fd_ int dirfd = open_process(p->pid);
    return dirfd >= 0 && read_stat(dirfd, &now) == 0 &&
           process_is_same_start(start_in_ns(now.start_ticks), p->start_ns);
}

void process_clear(struct net_process *p)
{
    const char **const texts[] = {&p->cmdline, &p->exe,  &p->cwd,
                                  &p->cgroup,  &p->unit, &p->container};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        free((void *)*texts[i]);
        *texts[i] = NULL;
    }
}

struct process_entry {
    struct net_process process;
    bool detailed; /* its details have been asked for */
};

void process_cache_init(struct process_cache *c, const struct source_query *q)
{
    *c = (struct process_cache){.query = q, .all = VEC_INIT(struct process_entry *)};
}

static struct process_entry *entry_at(const struct process_cache *c, size_t index)
{
    return *(struct process_entry **)vec_at(&c->all, index);
}

void process_cache_clear(struct process_cache *c)
{
    for (size_t i = 0; i < c->all.len; i++) {
        struct process_entry *e = entry_at(c, i);
        process_clear(&e->process);
        free(e);
    }
    vec_free(&c->all);
    hash_free(&c->by_pid);
}

int process_cache_add(struct process_cache *c, const struct net_process *p, size_t *ret_index)
{
    uint64_t *index = hash_put(&c->by_pid, (uint32_t)p->pid, NULL);
    if (!index)
        return -ENOMEM;
    if (*index == 0 ||
        !process_is_same_start(entry_at(c, *index - 1)->process.start_ns, p->start_ns)) {
        struct process_entry *e = calloc(1, sizeof *e);
        if (!e || vec_add(&c->all, &e) < 0) {
            free(e);
            return -ENOMEM;
        }
        e->process = *p;
        *index = c->all.len;
    }
    *ret_index = *index - 1;
    return 0;
}

const struct net_process *process_cache_at(struct process_cache *c, size_t index)
{
    struct process_entry *e = entry_at(c, index);
    const struct source_query *q = c->query;
    if (e->detailed)
        return &e->process;
    if (q->detail & (SOURCE_CMDLINE | SOURCE_PROCESS))
        (void)process_read_details(&e->process, q->detail); /* ended: its details stay absent */
    if (q->user_name && e->process.known & 1 << NET_P_UID)
        e->process.user = q->user_name(q->user_ctx, e->process.uid);
    e->detailed = true;
    return &e->process;
}

int process_cache_get(struct process_cache *c, int32_t pid, const struct net_process **ret)
{
    const uint64_t *known = hash_get(&c->by_pid, (uint32_t)pid);
    size_t index;
    if (known && *known) {
        *ret = process_cache_at(c, *known - 1);
        return 0;
    }
    struct net_process p;
    _cleanup_fd_ int dirfd = open_process(pid);
    if (dirfd < 0)
        return dirfd == -ENOENT ? -ESRCH : dirfd;
    int r = process_read(dirfd, pid, &p);
    if (r == 0)
        r = process_cache_add(c, &p, &index);
    if (r < 0)
        return r;
    *ret = process_cache_at(c, index);
    return 0;
}
