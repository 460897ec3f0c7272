/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The IP sockets among the descriptors of every process, read in place.
 *
 * Says what holders.bpf.c says in its smallest form, to a reader that needs no cookies, on kernels
 * that let memory be read by plain loads (Linux 6.2).  It is called once a process and walks the
 * table of descriptors itself, so that the kernel takes no reference to each file, and so that the
 * memory of many sockets is asked for before the first is looked at.
 *
 * Records go to memory that the reader shares.  When that is full the program asks to be called
 * again for the same process, which ends the reader's read() with EAGAIN.
 *
 * No lock is held, only RCU's: whatever is read may be gone meanwhile.  Loads can't fail, they give
 * 0; and a socket is told only if file and socket point to each other and the descriptor is still
 * the file's after all was read.
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

enum {
    BLOCK = 32,       /* descriptors that are looked at together */
    BLOCKS_MAX = 512, /* in one call: nobody else has this processor meanwhile */
    ROOM_FOR_SOCKET = sizeof(struct bpf_task_chunk) + BPF_SOCK_SIZE_ADDR6,
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct bpf_output);
} output SEC(".maps");

/* Where the walk stands. Volatile, or else clang keeps it in registers, and the verifier tries
 * every value. */
static volatile struct {
    __u64 files;   /* struct files_struct of the process */
    __u64 slots;   /* its table of descriptors */
    __u32 fd, end; /* the next descriptor, and the first that isn't there */
    __u32 n;       /* of the arrays below */
    __s32 tid;     /* the thread that is walked */
    __s32 told;    /* the process that the last TASK chunk named */
} at;

static __u32 numbers[BLOCK];
static __u64 files[BLOCK], sockets[BLOCK], socks[BLOCK];

/* The address of the operations by which a socket is known. */
static __u64 socket_ops;

/* The namespace looked at last: nearly always that of the next socket too. */
static __u64 last_net;
static __u32 last_netns;

/* What bpf_loop hands to its callbacks. */
struct walk {
    __u64 task;
    struct bpf_output *out;
    __u32 full;
};

/* A structure that is a pointer, since the kernel has no name for a pointer alone. */
static __always_inline __u64 file_at(__u64 slots, __u32 fd)
{
    return (__u64)IN_PLACE(struct hlist_head, slots + fd * sizeof(void *))->first;
}

static __always_inline __u32 netns_of(struct sock *sk)
{
    __u64 net = (__u64)sk->__sk_common.skc_net.net;

    if (net != last_net) {
        last_netns = IN_PLACE(struct net, net)->ns.inum;
        last_net = net;
    }
    return last_netns;
}

static __always_inline __u32 holders_of(__u64 file)
{
    if (bpf_core_field_exists(struct file, f_ref))
        /* counts down from the number of references less one (file_ref_init) */
        return IN_PLACE(struct file, file)->f_ref.refcnt.counter + 1;
    return BPF_CORE_READ((struct file___count *)file, f_count.counter);
}

/* From a descriptor to a socket lead three pointers, each to memory that isn't in the cache. These
 * three go one of them each, for a block of descriptors. */
static long find_file(__u32 i, void *unused)
{
    __u32 fd = at.fd + i, n = at.n;
    __u64 file;

    if (fd >= at.end)
        return 1;
    file = file_at(at.slots, fd);
    if (!file)
        return 0;
    files[n & (BLOCK - 1)] = file;
    numbers[n & (BLOCK - 1)] = fd;
    at.n = n + 1;
    TOUCH(IN_PLACE(struct file, file)->f_op);
    if (bpf_core_field_exists(struct file, f_ref))
        TOUCH(IN_PLACE(struct file, file)->f_ref.refcnt.counter);
    return 0;
}

static long find_socket(__u32 i, void *unused)
{
    __u64 number = files[i & (BLOCK - 1)], socket;
    struct file *file = IN_PLACE(struct file, number);
    __u32 n = at.n;

    if ((__u64)file->f_op != socket_ops)
        return 0;
    socket = (__u64)file->private_data;
    sockets[n & (BLOCK - 1)] = socket;
    files[n & (BLOCK - 1)] = number;
    numbers[n & (BLOCK - 1)] = numbers[i & (BLOCK - 1)];
    at.n = n + 1;
    TOUCH(IN_PLACE(struct socket, socket)->sk);
    return 0;
}

static long find_sock(__u32 i, void *unused)
{
    struct socket *socket = IN_PLACE(struct socket, sockets[i & (BLOCK - 1)]);
    __u64 number = (__u64)socket->sk;
    struct sock *sk = IN_PLACE(struct sock, number);

    if ((__u64)socket->file != files[i & (BLOCK - 1)])
        number = 0;
    socks[i & (BLOCK - 1)] = number;
    if (!number)
        return 0;
    TOUCH(sk->__sk_common.skc_family);
    TOUCH(sk->__sk_common.skc_cookie.counter);
    TOUCH(sk->sk_receive_queue.qlen);
    TOUCH(sk->sk_wmem_queued);
    TOUCH(sk->sk_uid.val);
    if (bpf_core_field_exists(struct sock, sk_ino))
        TOUCH(sk->sk_ino);
    return 0;
}

static __always_inline void fill_queues(struct bpf_sock_chunk *to, struct sock *sk, __u64 number)
{
    if (to->kind == BPF_KIND_TCP) {
        if (has_tcp_queues(sk, to->state))
            fill_tcp_queues(to, sk, IN_PLACE(struct tcp_sock, number));
    } else if (to->kind != BPF_KIND_MPTCP || !fill_mptcp_queues(to, (struct sock *)number)) {
        fill_datagram_queues(to, sk, to->kind);
    }
}

static __always_inline void fill_task(struct bpf_task_chunk *to, struct task_struct *task)
{
    struct task_struct *leader = IN_PLACE(struct task_struct, task->group_leader);

    __builtin_memset(to, 0, sizeof *to);
    to->chunk.size = sizeof *to;
    to->chunk.tag = BPF_TAG_TASK;
    to->pid = task->tgid;
    to->start_ns = leader->start_boottime;
    to->euid = leader->cred->euid.val;
    bpf_probe_read_kernel(to->comm, sizeof to->comm, leader->comm);
}

/* A global function, so that the verifier doesn't follow each answer to the end. */
__noinline __u32 kind_to_tell(__u32 type, __u32 protocol)
{
    return kind_of_inet(type, protocol);
}

static __always_inline bool fill_sock(struct bpf_sock_chunk *to, __u64 number)
{
    struct sock *sk = IN_PLACE(struct sock, number);

    __builtin_memset(to, 0, sizeof *to);
    to->family = sk->__sk_common.skc_family;
    if (!is_inet(to->family) || !family_wanted(to->family))
        return false;
    to->lport = sk->__sk_common.skc_num;
    to->rport = __builtin_bswap16(sk->__sk_common.skc_dport);
    if ((wish.lport || wish.rport) && !ports_wanted(to->lport, to->rport))
        return false;
    to->netns = netns_of(sk);
    if (wish.netns && to->netns != wish.netns)
        return false;
    to->type = sk->sk_type;
    to->protocol = sk->sk_protocol;
    to->kind = kind_to_tell(to->type, to->protocol);
    if (!(wish.kinds >> to->kind & 1))
        return false;
    to->state = state_to_tell(to->kind, sk->__sk_common.skc_state, to->lport);
    if (!state_wanted(to->state))
        return false;
    to->chunk.tag = BPF_TAG_SOCK;
    to->uid = sk->sk_uid.val;
    to->ifindex = sk->__sk_common.skc_bound_dev_if;
    to->inode = inode_of(sk);
    to->cookie = sk->__sk_common.skc_cookie.counter;
    fill_flags(to, sk);
    fill_inet(to, sk);
    fill_queues(to, sk, number);
    to->chunk.size = to->flags & BPF_SOCK_HAS_ADDR6 ? BPF_SOCK_SIZE_ADDR6 : BPF_SOCK_SIZE_ADDR4;
    return true;
}

/* Half-open connections stand in a table and at no descriptor. */
static __always_inline __u32 requests_of(__u64 number)
{
    return IN_PLACE(struct inet_connection_sock, number)->icsk_accept_queue.qlen.counter;
}

static long tell(__u32 i, struct walk *w)
{
    __u64 number = socks[i & (BLOCK - 1)], file = files[i & (BLOCK - 1)];
    __u32 fd = numbers[i & (BLOCK - 1)], used = w->out->used;
    struct task_struct *task = IN_PLACE(struct task_struct, w->task);
    bool told = at.told == task->tgid;
    struct bpf_sock_chunk *to;

    if (used > sizeof w->out->bytes - ROOM_FOR_SOCKET) {
        at.fd = fd;
        w->full = 1;
        return 1;
    }
    to = (struct bpf_sock_chunk *)(w->out->bytes + used +
                                   (told ? 0 : sizeof(struct bpf_task_chunk)));
    if (!number || !fill_sock(to, number))
        return 0;
    to->fd = fd;
    to->holders = holders_of(file);
    if (file_at(at.slots, fd) != file)
        return 0;
    if (!told) {
        fill_task((struct bpf_task_chunk *)(w->out->bytes + used), task);
        at.told = task->tgid;
        used += sizeof(struct bpf_task_chunk);
    }
    if (to->kind == BPF_KIND_TCP && to->state == STATE_LISTEN)
        w->out->requests += requests_of(number);
    w->out->used = used + to->chunk.size;
    return 0;
}

static long block(__u32 unused, struct walk *w)
{
    __u32 fd = at.fd, n;

    if (fd >= at.end || (__u64)IN_PLACE(struct task_struct, w->task)->files != at.files)
        return 1;
    at.n = 0;
    bpf_loop(BLOCK, find_file, NULL, 0);
    n = at.n;
    at.n = 0;
    at.fd = fd + BLOCK;
    bpf_loop(n, find_socket, NULL, 0);
    n = at.n;
    bpf_loop(n, find_sock, NULL, 0);
    bpf_loop(n, tell, w, 0);
    return w->full;
}

/* The reader has a socket open and says at which descriptor. */
static __always_inline void find_operations(void)
{
    struct task_struct *reader = IN_PLACE(struct task_struct, bpf_get_current_task_btf());
    __u64 file = file_at((__u64)reader->files->fdt->fd, wish.socket_fd);

    socket_ops = (__u64)IN_PLACE(struct file, file)->f_op;
}

SEC("iter/task")
int held(struct bpf_iter__task *ctx)
{
    struct task_struct *task, *leader;
    struct files_struct *table;
    struct walk w = {(__u64)ctx->task};
    __u32 zero = 0;

    if (!w.task)
        return 0;
    task = IN_PLACE(struct task_struct, w.task);
    leader = task->group_leader;
    table = task->files;
    if (!table || (task != leader && table == leader->files))
        return 0;
    w.out = bpf_map_lookup_elem(&output, &zero);
    if (!w.out)
        return 0;
    if (!socket_ops)
        find_operations();
    if (at.tid != task->pid) {
        at.tid = task->pid;
        at.fd = 0;
    }
    at.files = (__u64)table;
    at.slots = (__u64)table->fdt->fd;
    at.end = table->fdt->max_fds;
    bpf_loop(BLOCKS_MAX, block, &w, 0);
    return at.fd < at.end && (__u64)task->files == at.files;
}
