/*
 * Who holds a socket: children that share descriptors, duplicates, other users, names, cgroups and
 * namespaces. A child only holds what it inherited and waits for SIGKILL, which also comes when
 * its parent ends.
 */
#include "mksock.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int mk_set_comm(const char *comm)
{
    return prctl(PR_SET_NAME, comm) < 0 ? -errno : 0;
}

/*
 * PR_SET_PDEATHSIG says nothing of a parent that is dead already, so look once more after it. In a
 * pid namespace of its own the parent is always 0.
 */
void mk_die_with(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent && getppid() != 0)
        _exit(1);
}

void mk_process_add(struct mk *mk, const char *name, pid_t pid)
{
    struct mk_process *process = mk_alloc(sizeof(*process));
    process->name = strdup(name);
    process->pid = pid;
    process->next = mk->processes;
    mk->processes = process;
}

/* Ends every child, also the grandchildren that became ours as the subreaper. */
void mk_processes_end(struct mk *mk)
{
    for (const struct mk_process *p = mk->processes; p; p = p->next)
        if (p->pid > 0)
            kill(p->pid, SIGKILL);
    while (wait(NULL) > 0 || errno == EINTR)
        ;
    while (mk->processes) {
        struct mk_process *ended = mk->processes;
        mk->processes = ended->next;
        free(ended->name);
        free(ended);
    }
}

/* The parent death signal is set, and outlasts exec. */
void mk_hold(const char *comm)
{
    if (*comm)
        mk_set_comm(comm);
    if (write(STDOUT_FILENO, "", 1) != 1) /* the pipe to the parent: it waits for us */
        _exit(1);
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDOUT_FILENO);
    close(null);
    for (;;)
        pause();
}

/* What a fork line asks for. */
struct child {
    const char *comm, *cmdline, *keep, *cgroup;
    long uid;
    bool pidns, userns, undumpable;
};

/* Is NAME in LIST, which is @a,@b,… or NULL for all? */
static bool list_has(const char *list, const char *name)
{
    size_t n = strlen(name);

    if (!list)
        return true;
    for (const char *at = list; *at; at++) {
        const char *word = *at == '@' ? at + 1 : at;
        at = word + strcspn(word, ",");
        if ((size_t)(at - word) == n && !strncmp(word, name, n))
            return true;
        if (!*at)
            return false;
    }
    return false;
}

static void child_close_rest(struct mk *mk, const struct child *child, pid_t parent)
{
    for (size_t i = 0; i < mk->n_socks; i++)
        for (struct mk_owner *o = mk->socks[i]->owners; o; o = o->next) {
            if (o->pid != parent)
                continue;
            if (!list_has(child->keep, mk->socks[i]->name))
                close(o->fd);
            else if (child->cmdline)
                fcntl(o->fd, F_SETFD, 0);
        }
    for (const struct mk_netns *ns = mk->namespaces; ns; ns = ns->next)
        close(ns->fd);
}

static int cgroup_enter(const char *path)
{
    char file[512];
    snprintf(file, sizeof(file), "%s/cgroup.procs", path);
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = write(fd, "0", 1) < 0 ? -errno : 0;
    close(fd);
    return r;
}

static int become_user(uid_t uid)
{
    if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
        return -errno;
    return 0;
}

/* A change of credentials forgets the parent death signal and makes /proc/PID root's. */
static int child_become(const struct child *child, pid_t parent)
{
    int r = child->cgroup ? cgroup_enter(child->cgroup) : 0;
    if (r == 0 && child->userns)
        r = unshare(CLONE_NEWUSER) < 0 ? -errno : 0;
    if (r == 0 && child->uid >= 0)
        r = become_user((uid_t)child->uid);
    if (r < 0)
        return r;
    prctl(PR_SET_DUMPABLE, !child->undumpable);
    mk_die_with(parent);
    return child->comm ? mk_set_comm(child->comm) : 0;
}

/* cmdline=: run ourselves again under another argv, cut at spaces */
static int child_exec(const struct child *child)
{
    char *argv[256] = {0};
    size_t n = 0;
    char *text = strdup(child->cmdline);

    for (char *word = strtok(text, " "); word && n < 255; word = strtok(NULL, " "))
        argv[n++] = word;
    setenv("MKSOCK_HOLD", child->comm ? child->comm : "", 1);
    execv("/proc/self/exe", argv);
    return -errno;
}

static _Noreturn void child_main(struct mk *mk, const struct child *child, pid_t parent,
                                 int pipe_fd)
{
    child_close_rest(mk, child, parent);
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDERR_FILENO);
    dup2(pipe_fd, STDOUT_FILENO);
    close(null);
    close(pipe_fd);
    int r = child_become(child, parent);
    if (r == 0 && child->cmdline)
        r = child_exec(child);
    char error = (char)-r;
    if (r < 0 && write(STDOUT_FILENO, &error, 1) == 1)
        _exit(1);
    mk_hold("");
}

/* The pid of a new child that holds its descriptors, or -errno. */
static pid_t child_start(struct mk *mk, const struct child *child)
{
    int pipe_fds[2];
    unsigned char error = 0;
    pid_t parent = getpid();

    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        close(pipe_fds[0]);
        child_main(mk, child, parent, pipe_fds[1]);
    }
    int failed = pid < 0 ? errno : 0;
    close(pipe_fds[1]);
    if (!failed && read(pipe_fds[0], &error, 1) != 1)
        failed = ECHILD;
    close(pipe_fds[0]);
    return failed || error ? -(failed ? failed : error) : pid;
}

/* In a pid namespace of its own: only children of this process enter it, so come back after. */
static pid_t child_start_pidns(struct mk *mk, const struct child *child)
{
    int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    if (own < 0 || unshare(CLONE_NEWPID) < 0)
        return -errno;
    pid_t pid = child_start(mk, child);
    setns(own, CLONE_NEWPID);
    close(own);
    return pid;
}

static void child_record_owners(struct mk *mk, const struct child *child, pid_t pid)
{
    for (size_t i = 0; i < mk->n_socks; i++) {
        struct mk_sock *sock = mk->socks[i];
        if (!list_has(child->keep, sock->name))
            continue;
        for (const struct mk_owner *o = sock->owners; o; o = o->next)
            if (o->pid == getpid()) {
                mk_owner_add(sock, pid, o->fd);
                sock->dirty = true;
            }
    }
}

static void print_process(const char *name, pid_t pid)
{
    printf("{\"process\":");
    mk_print_string(name, strlen(name));
    printf(",\"pid\":%d}\n", (int)pid);
}

static int fork_one(struct mk *mk, const struct child *child, const char *name)
{
    pid_t pid = child->pidns ? child_start_pidns(mk, child) : child_start(mk, child);
    if (pid < 0)
        return mk_fail(mk, "fork", -pid);
    mk_process_add(mk, name, pid);
    child_record_owners(mk, child, pid);
    print_process(name, pid);
    return 0;
}

int mk_do_fork(struct mk *mk, struct mk_line *line)
{
    struct child child = {
        .comm = mk_value(line, "comm"),
        .cmdline = mk_value(line, "cmdline"),
        .keep = mk_value(line, "keep"),
        .cgroup = mk_value(line, "cgroup"),
        .pidns = mk_flag(line, "pidns"),
        .userns = mk_flag(line, "userns"),
        .undumpable = mk_flag(line, "undumpable"),
    };
    const char *as = mk_value(line, "as");
    char name[96];
    long count;

    if (mk_number(mk, line, "count", 1, &count) < 0 ||
        mk_number(mk, line, "uid", -1, &child.uid) < 0 || mk_check_used(mk, line) < 0)
        return -1;
    for (long i = 1; i <= count; i++) {
        if (as && count == 1)
            snprintf(name, sizeof(name), "%.80s", as);
        else
            snprintf(name, sizeof(name), "%.64s.%ld", as ? as : "process", i);
        if (fork_one(mk, &child, name) < 0)
            return -1;
    }
    return 0;
}

int mk_do_kill(struct mk *mk, struct mk_line *line)
{
    const char *name = line->n > 1 ? line->words[1] : "";
    struct mk_process *process = mk->processes;

    while (process && (process->pid <= 0 || strcmp(process->name, name + (name[0] == '@'))))
        process = process->next;
    if (!process)
        return mk_usage(mk, "no process called", name);
    kill(process->pid, SIGKILL);
    waitpid(process->pid, NULL, 0);
    for (size_t i = 0; i < mk->n_socks; i++)
        mk_owner_remove(mk->socks[i], process->pid, -1);
    process->pid = 0;
    return 0;
}

int mk_do_dup(struct mk *mk, struct mk_line *line)
{
    struct mk_sock *sock = line->n == 2 ? mk_sock_find(mk, line->words[1]) : NULL;
    if (!sock || sock->fd < 0)
        return mk_usage(mk, "no socket here called", line->n > 1 ? line->words[1] : "");
    int fd = fcntl(sock->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return mk_fail(mk, "dup", errno);
    mk_owner_add(sock, getpid(), fd);
    sock->dirty = true;
    return 0;
}

/* pass @SOCKET @UNIX: sends the descriptor; until it is received the queue holds the socket */
int mk_do_pass(struct mk *mk, struct mk_line *line)
{
    struct mk_sock *what = line->n == 3 ? mk_sock_find(mk, line->words[1]) : NULL;
    struct mk_sock *over = what ? mk_sock_find(mk, line->words[2]) : NULL;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    char byte = 0;
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};

    if (!what || !over || what->fd < 0 || over->fd < 0)
        return mk_usage(mk, "pass takes two sockets, not", mk->line);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &what->fd, sizeof(int));
    over->dirty = true;
    return sendmsg(over->fd, &msg, MSG_DONTWAIT) < 0 ? mk_fail(mk, "sendmsg", errno) : 0;
}

int mk_do_comm(struct mk *mk, struct mk_line *line)
{
    if (line->n != 2)
        return mk_usage(mk, "comm takes one name, not", mk->line);
    int r = mk_set_comm(line->words[1]);
    return r < 0 ? mk_fail(mk, "comm", -r) : 0;
}

/* user UID: this process and its later children and sockets */
int mk_do_user(struct mk *mk, struct mk_line *line)
{
    int uid = line->n == 2 ? atoi(line->words[1]) : 0;
    if (uid <= 0)
        return mk_usage(mk, "not a user id", line->n > 1 ? line->words[1] : "");
    int r = become_user((uid_t)uid);
    prctl(PR_SET_DUMPABLE, 1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return r < 0 ? mk_fail(mk, "user", -r) : 0;
}

int mk_do_cgroup(struct mk *mk, struct mk_line *line)
{
    if (line->n != 2)
        return mk_usage(mk, "cgroup takes one directory, not", mk->line);
    int r = cgroup_enter(line->words[1]);
    return r < 0 ? mk_fail(mk, "cgroup", -r) : 0;
}

static struct mk_netns *netns_add(struct mk *mk, const char *name, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    struct mk_netns *ns = mk_alloc(sizeof(*ns));
    *ns = (struct mk_netns){strdup(name), fd, mk_inode_of(fd), mk->namespaces};
    return mk->namespaces = ns;
}

static int loopback_up(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int r = fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    return r;
}

static int netns_new(void)
{
    return unshare(CLONE_NEWNET) < 0 ? -errno : loopback_up();
}

static int netns_enter(struct mk *mk, const char *name)
{
    const struct mk_netns *ns = mk->namespaces;
    while (ns && strcmp(ns->name, name + (name[0] == '@')))
        ns = ns->next;
    if (!ns && name[0] != '@')
        ns = netns_add(mk, name, name);
    if (!ns)
        return -ENOENT;
    return setns(ns->fd, CLONE_NEWNET) < 0 ? -errno : 0;
}

/* netns new [as=NAME], netns @NAME, netns PATH; where we started is @first */
int mk_do_netns(struct mk *mk, struct mk_line *line)
{
    const char *as = mk_value(line, "as");
    const char *what = line->n > 1 ? line->words[1] : "";

    if (!mk->namespaces)
        netns_add(mk, "first", "/proc/self/ns/net");
    bool new = !strcmp(what, "new");
    int r = new ? netns_new() : netns_enter(mk, what);
    if (r < 0)
        return mk_fail(mk, "netns", -r);
    if (new)
        netns_add(mk, as ? as : "new", "/proc/self/ns/net");
    mk->netns = mk_netns_of_self();
    printf("{\"netns\":%llu}\n", (unsigned long long)mk->netns);
    return 0;
}
