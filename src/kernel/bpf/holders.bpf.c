/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One walk over every descriptor of every process, telling the sockets among them.
 *
 * A socket held at several descriptors is told at each; the reader merges them.  Of the rest only
 * what the wish asks for is written.  A program that runs once for each open file of the machine
 * leaves as early as it can.
 *
 * Built twice.  Without FULL it knows IP sockets alone, no details, and readers in the first pid
 * namespace; this is what a plain list needs, and it loads in 2 ms.  With FULL it knows everything,
 * and the kernel's search for some twenty more structures makes that several times as much.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "record.h"

#define SK(sk, field)   ((sk)->field)
#define SK_BIT(sk, bit) BPF_CORE_READ_BITFIELD(sk, bit)
#define TP(tp, field)   ((tp)->field)
#include "fill.h"

char licence[] SEC("license") = "Dual BSD/GPL";

#ifdef FULL
#define HOLDERS holders_full
#else
#define HOLDERS holders_inet
#endif

/* The process that the last TASK chunk named. It changes only when all chunks of a socket were
 * taken: when seq_file's buffer is full the socket is asked for again, in a new buffer. */
static __s32 last_tgid;

#ifdef FULL
/* The process's number as the reader's pid namespace has it. */
static __always_inline __u32 pid_for_reader(struct task_struct *task)
{
    struct task_struct *reader = bpf_get_current_task_btf();
    __u32 level = reader->thread_pid->level;
    struct upid at = {0};
    __u32 number;

    if (!level)
        return task->tgid;
    bpf_probe_read_kernel(&at.nr, sizeof at.nr,
                          (void *)task->signal->pids[1 /* PIDTYPE_TGID */] +
                              bpf_core_field_offset(struct pid, numbers) + level * sizeof at);
    number = at.nr;
    /* else clang joins this load with that of tgid, and the verifier refuses one load of two sorts
     * of pointer */
    asm volatile("" : "+r"(number));
    return number;
}

static __always_inline __u64 cgroup_of(struct task_struct *task)
{
    return task->cgroups->dfl_cgrp->kn->id;
}
#else
static __always_inline __u32 pid_for_reader(struct task_struct *task)
{
    return task->tgid;
}

static __always_inline __u64 cgroup_of(struct task_struct *task)
{
    return 0;
}
#endif

static __always_inline int put_task(struct seq_file *seq, struct task_struct *task)
{
    struct task_struct *leader = task->group_leader;
    struct bpf_task_chunk out = {.chunk = {sizeof out, BPF_TAG_TASK}};

#ifdef FULL
    if (clock_wanted() && put_clock(seq))
        return -1;
#endif
    out.pid = pid_for_reader(task);
    out.start_ns = leader->start_boottime;
    out.cgroup = cgroup_of(leader);
    out.euid = leader->cred->euid.val;
    bpf_probe_read_kernel(out.comm, sizeof out.comm, leader->comm);
    return bpf_seq_write(seq, &out, sizeof out);
}

/* The iterator holds a reference of its own while the program runs. */
static __always_inline __u32 holders_of(struct file *file)
{
    if (bpf_core_field_exists(struct file, f_ref))
        /* counts down from the number of references less one (file_ref_init) */
        return file->f_ref.refcnt.counter;
    return ((struct file___count *)file)->f_count.counter - 1;
}

/* How many descriptors ahead of the one at hand each step is done. */
enum { AHEAD_FILE = 12, AHEAD_SOCKET = 8, AHEAD_SOCK = 4 };

static __always_inline struct file *file_at(struct fdtable *fdt, __u32 fd)
{
    /* a structure that is a pointer, since the kernel has no name for a pointer alone */
    struct hlist_head *slot = IN_PLACE(struct hlist_head, (__u64)fdt->fd + fd * sizeof(void *));

    return IN_PLACE(struct file, slot->first);
}

/* From a descriptor to a socket lead three pointers, each to memory that isn't in the cache. So the
 * files of the next descriptors are looked at before their turn, one pointer further each time. */
static __always_inline void prefetch(struct task_struct *task, __u32 fd, struct file *file)
{
    const void *sockets = file->f_op;
    struct fdtable *fdt = task->files->fdt;
    struct file *next;
    struct socket *socket;
    struct sock *sk;

    if (fd + AHEAD_FILE >= fdt->max_fds)
        return;
    next = file_at(fdt, fd + AHEAD_FILE);
    TOUCH(next->f_op);
    if (bpf_core_field_exists(struct file, f_ref))
        TOUCH(next->f_ref.refcnt.counter);

    next = file_at(fdt, fd + AHEAD_SOCKET);
    if (next->f_op != sockets)
        return;
    socket = IN_PLACE(struct socket, next->private_data);
    TOUCH(socket->sk);

    next = file_at(fdt, fd + AHEAD_SOCK);
    if (next->f_op != sockets)
        return;
    socket = IN_PLACE(struct socket, next->private_data);
    sk = socket->sk;
    TOUCH(sk->__sk_common.skc_family);
    TOUCH(sk->__sk_common.skc_cookie.counter);
    TOUCH(sk->sk_receive_queue.qlen);
    TOUCH(sk->sk_wmem_queued);
    TOUCH(sk->sk_uid.val);
    if (bpf_core_field_exists(struct sock, sk_ino))
        TOUCH(sk->sk_ino);
}

/* A file's inode is one pointer nearer than its socket, and enough to leave by. */
static __always_inline void prefetch_inode(struct task_struct *task, __u32 fd)
{
    struct fdtable *fdt = task->files->fdt;
    struct file *next;

    if (fd + AHEAD_FILE >= fdt->max_fds)
        return;
    next = file_at(fdt, fd + AHEAD_FILE);
    TOUCH(next->f_inode);
    if (bpf_core_field_exists(struct file, f_ref))
        TOUCH(next->f_ref.refcnt.counter);
    next = file_at(fdt, fd + AHEAD_SOCKET);
    TOUCH(next->f_inode->i_ino);
}

static __always_inline bool inode_wanted(__u64 inode)
{
    __u32 bit = bpf_inode_bit(inode);

    return wish.inodes[bit / 64] >> bit % 64 & 1;
}

static __always_inline void fill_queues(struct bpf_sock_chunk *out, struct sock *sk, __u32 kind)
{
    if (kind == BPF_KIND_TCP) {
        struct tcp_sock *tp = has_tcp_queues(sk, out->state) ? bpf_skc_to_tcp_sock(sk) : NULL;
        if (tp)
            fill_tcp_queues(out, sk, tp);
#ifdef FULL
    } else if (kind_is_unix(kind)) {
        fill_unix_queues(out, sk);
#endif
    } else if (kind != BPF_KIND_MPTCP || !fill_mptcp_queues(out, sk)) {
        fill_datagram_queues(out, sk, kind);
    }
}

static __always_inline int put_sock(struct seq_file *seq, struct bpf_sock_chunk *out)
{
    if (out->flags & BPF_SOCK_HAS_ADDR4) {
        out->chunk.size = BPF_SOCK_SIZE_ADDR4;
        return bpf_seq_write(seq, out, BPF_SOCK_SIZE_ADDR4);
    }
    if (out->flags & BPF_SOCK_HAS_ADDR6) {
        out->chunk.size = BPF_SOCK_SIZE_ADDR6;
        return bpf_seq_write(seq, out, BPF_SOCK_SIZE_ADDR6);
    }
    out->chunk.size = BPF_SOCK_SIZE_BARE;
    return bpf_seq_write(seq, out, BPF_SOCK_SIZE_BARE);
}

SEC("iter/task_file")
int HOLDERS(struct bpf_iter__task_file *ctx)
{
    struct task_struct *task = ctx->task;
    struct file *file = ctx->file;
    struct seq_file *seq = ctx->meta->seq;
    struct bpf_sock_chunk out = {.chunk.tag = BPF_TAG_SOCK};
    struct socket *socket;
    struct sock *sk;

    if (!task || !file)
        return 0;
    if (wish.few) {
        if (wish.in_place)
            prefetch_inode(task, ctx->fd);
        if (!inode_wanted(file->f_inode->i_ino))
            return 0;
    }
    socket = bpf_sock_from_file(file);
    if (!socket)
        return 0;
    if (wish.in_place && !wish.few)
        prefetch(task, ctx->fd, file);
    sk = socket->sk;
    if (!sk)
        return 0;

    out.family = sk->__sk_common.skc_family;
    if (!family_wanted(out.family))
        return 0;
    out.lport = sk->__sk_common.skc_num;
    out.rport = __builtin_bswap16(sk->__sk_common.skc_dport);
    if ((wish.lport || wish.rport) && !ports_wanted(out.lport, out.rport))
        return 0;
    out.netns = sk->__sk_common.skc_net.net->ns.inum;
    if (wish.netns && out.netns != wish.netns)
        return 0;
    out.type = sk->sk_type;
    out.protocol = sk->sk_protocol;
    out.kind = kind_of(out.family, out.type, out.protocol);
    if (!(wish.kinds >> out.kind & 1))
        return 0;
    out.state = state_to_tell(out.kind, sk->__sk_common.skc_state, out.lport);
    if (!state_wanted(out.state))
        return 0;

    out.uid = sk->sk_uid.val;
    out.ifindex = sk->__sk_common.skc_bound_dev_if;
    out.fd = ctx->fd;
    out.holders = holders_of(file);
    out.inode = inode_of(sk);
    out.cookie = sk->__sk_common.skc_cookie.counter ?: bpf_get_socket_cookie(sk);
    fill_flags(&out, sk);
    if (is_inet(out.family)) {
        fill_inet(&out, sk);
    } else {
        out.lport = 0; /* the union has other things there */
        out.rport = 0;
    }
    fill_queues(&out, sk, out.kind);

    if (task->tgid != last_tgid && put_task(seq, task))
        return 0;
    if (put_sock(seq, &out))
        return 0;
#ifdef FULL
    if (put_details(seq, sk, out.kind, out.family, out.state))
        return 0;
#endif
    last_tgid = task->tgid;
    return 0;
}
