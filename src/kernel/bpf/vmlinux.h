/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The few kernel structures that the BPF programs read, written by hand.
 *
 * It knows names and types of fields, never their places: every record carries
 * preserve_access_index, so the kernel that loads a program puts in its own
 * offsets from its own BTF.  Fields stand in no particular order and most are
 * left out.  A name with three underscores is a flavour: the same structure as
 * another kernel version has it; the part after ___ is ignored when matching.
 * Hence the build needs no BTF of the machine that it runs on.
 */
#ifndef BERTH_KERNEL_BPF_VMLINUX_H
#define BERTH_KERNEL_BPF_VMLINUX_H

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u16 __le16;
typedef __u32 __le32;
typedef __u64 __le64;
typedef __u16 __sum16;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef _Bool bool;
#define true 1
#define false 0

/* All that is taken from linux/bpf.h, whose asm/types.h a BPF target may lack. */
enum { BPF_MAP_TYPE_ARRAY = 2, BPF_F_MMAPABLE = 1 << 10 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
    int counter;
} atomic_t;

typedef struct {
    __s64 counter;
} atomic64_t;

typedef struct {
    atomic_t refs;
} refcount_t;

typedef struct {
    atomic64_t refcnt;
} file_ref_t;

typedef struct {
    unsigned int val;
} kuid_t;

struct list_head {
    struct list_head *next;
};

struct hlist_node {
    struct hlist_node *next;
    struct hlist_node **pprev;
};

struct hlist_head {
    struct hlist_node *first;
};

struct hlist_nulls_node {
    struct hlist_nulls_node *next;
};

struct hlist_nulls_head {
    struct hlist_nulls_node *first;
};

struct in6_addr {
    union {
        __be32 u6_addr32[4];
    } in6_u;
};

struct inode {
    unsigned long i_ino;
};

struct file {
    struct inode *f_inode;
    const void *f_op;
    void *private_data;
    file_ref_t f_ref; /* since 6.13 */
};

/* before 6.13 */
struct file___count {
    atomic64_t f_count;
};

struct kernfs_node {
    __u64 id;
};

struct cgroup {
    struct kernfs_node *kn;
};

struct css_set {
    struct cgroup *dfl_cgrp;
};

struct ns_common {
    unsigned int inum;
};

struct sock;
struct sk_buff;

struct inet_hashinfo {
    void *ehash;
    unsigned int ehash_mask;
    void *lhash2;
    unsigned int lhash2_mask;
    void *bhash;
    unsigned int bhash_size;
};

struct inet_bind_hashbucket {
    struct hlist_head chain;
};

struct inet_ehash_bucket {
    struct hlist_nulls_head chain;
};

struct inet_listen_hashbucket {
    struct hlist_nulls_head nulls_head;
};

struct inet_timewait_death_row {
    struct inet_hashinfo *hashinfo;
};

struct udp_hslot {
    struct hlist_head head;
};

struct udp_hslot_main {
    struct udp_hslot hslot;
};

struct udp_table {
    void *hash;
    unsigned int mask;
};

struct unix_table {
    struct hlist_head *buckets; /* since 6.0, a table for each namespace */
};

struct netns_unix {
    struct unix_table table;
};

struct netns_ipv4 {
    struct inet_timewait_death_row tcp_death_row;
    struct udp_table *udp_table; /* since 6.2 */
    int sysctl_tcp_keepalive_time;
    int sysctl_tcp_keepalive_intvl;
    __u8 sysctl_tcp_keepalive_probes;
};

/* 5.18 to 6.0 */
struct netns_ipv4___ptr {
    struct inet_timewait_death_row *tcp_death_row;
};

struct net___ptr {
    struct netns_ipv4___ptr ipv4;
};

struct net {
    struct ns_common ns;
    struct netns_ipv4 ipv4;
    struct netns_unix unx;
    struct list_head list;
    __u32 hash_mix;
};

typedef struct {
    struct net *net;
} possible_net_t;

struct inet_bind_bucket {
    possible_net_t ib_net;
    unsigned short port;
    signed char fastreuse;
    signed char fastreuseport;
    kuid_t fastuid;
    struct in6_addr fast_v6_rcv_saddr;
    __be32 fast_rcv_saddr;
    unsigned short fast_sk_family;
    bool fast_ipv6_only;
    struct hlist_node node;
    struct hlist_head bhash2;
};

/* before 6.8 */
struct inet_bind_bucket___owners {
    struct hlist_head owners;
};

struct inet_bind2_bucket {
    struct hlist_node bhash_node;
    struct hlist_head owners;
};

struct nsproxy {
    struct net *net_ns;
};

struct cred {
    kuid_t euid;
};

struct upid {
    int nr;
    void *ns;
};

struct pid {
    unsigned int level;
    struct upid numbers[1];
};

struct signal_struct {
    struct pid *pids[4];
};

struct fdtable {
    unsigned int max_fds;
    struct file **fd;
};

struct files_struct {
    struct fdtable *fdt;
};

struct task_struct {
    struct files_struct *files;
    int pid;
    int tgid;
    __u64 start_boottime;
    char comm[16];
    struct task_struct *group_leader;
    struct signal_struct *signal;
    struct pid *thread_pid;
    struct css_set *cgroups;
    const struct cred *cred;
    struct nsproxy *nsproxy;
};

struct sock_common {
    struct hlist_node skc_bind_node;
    __be32 skc_daddr;
    __be32 skc_rcv_saddr;
    __be16 skc_dport;
    __u16 skc_num;
    unsigned short skc_family;
    volatile unsigned char skc_state;
    unsigned char skc_reuse : 4;
    unsigned char skc_reuseport : 1;
    unsigned char skc_ipv6only : 1;
    unsigned char skc_net_refcnt : 1;
    int skc_bound_dev_if;
    possible_net_t skc_net;
    struct in6_addr skc_v6_daddr;
    struct in6_addr skc_v6_rcv_saddr;
    atomic64_t skc_cookie;
    unsigned long skc_flags;
    struct sock *skc_listener;
    struct hlist_nulls_node skc_nulls_node;
};

struct socket {
    short type;
    struct file *file;
    struct sock *sk;
};

struct socket_alloc {
    struct socket socket;
    struct inode vfs_inode;
};

struct sk_buff {
    struct sk_buff *next;
    unsigned int len;
    char cb[48];
    struct sock *sk;
};

struct unix_skb_parms {
    __u32 consumed;
};

struct sk_buff_head {
    struct sk_buff *next;
    __u32 qlen;
};

struct timer_list {
    struct hlist_node entry;
    unsigned long expires;
};

struct sock_cgroup_data {
    struct cgroup *cgroup;
};

struct numa_drop_counters {
    atomic_t drops0, drops1;
};

struct sock {
    struct sock_common __sk_common;
    struct sk_buff_head sk_receive_queue;
    struct {
        atomic_t rmem_alloc;
        int len;
    } sk_backlog;
    atomic_t sk_drops;
    struct numa_drop_counters *sk_drop_counters; /* since 6.18 */
    int sk_rcvbuf;
    int sk_sndbuf;
    int sk_forward_alloc;
    atomic_t sk_omem_alloc;
    int sk_wmem_queued;
    refcount_t sk_wmem_alloc;
    struct timer_list sk_timer;
    unsigned long sk_lingertime;
    unsigned long sk_pacing_rate;
    unsigned long sk_max_pacing_rate;
    struct socket *sk_socket;
    kuid_t sk_uid;
    __u16 sk_protocol;
    __u16 sk_type;
    __u32 sk_priority;
    __u32 sk_mark;
    __u8 sk_userlocks;
    __u8 sk_shutdown;
    __u8 sk_kern_sock : 1;
    __u32 sk_ack_backlog;
    __u32 sk_max_ack_backlog;
    unsigned long sk_ino; /* since 6.17 */
    struct sock_cgroup_data sk_cgrp_data;
};

struct ipv6_pinfo {
    __u8 tclass;
    __s16 hop_limit : 9; /* a whole number since 6.6 */
};

struct inet_sock {
    struct sock sk;
    struct ipv6_pinfo *pinet6;
    unsigned long inet_flags; /* since 6.6; inet_cmsg etc. below it before */
    __s16 uc_ttl;
    __u8 tos;
    __u8 pmtudisc;
};

/* before 6.6 */
struct inet_sock___bits {
    __u8 freebind : 1;
    __u8 hdrincl : 1;
    __u8 transparent : 1;
    __u8 bind_address_no_port : 1;
    __u8 mc_loop : 1;
    __u8 recverr : 1;
};

/* An enum without a name, which can't be relocated; the numbers stand since 6.6. */
enum {
    INET_FLAGS_FREEBIND = 11,
    INET_FLAGS_TRANSPARENT = 15,
    INET_FLAGS_BIND_ADDRESS_NO_PORT = 18,
};

/* enum sock_flags: these stand since 2.6. */
enum {
    SOCK_KEEPOPEN = 3,
    SOCK_LINGER = 4,
    SOCK_BROADCAST = 6,
};

struct fastopen_queue {
    int qlen;
    int max_qlen;
};

struct request_sock_queue {
    __u8 rskq_defer_accept;
    atomic_t qlen;
    struct fastopen_queue fastopenq;
};

struct tcp_congestion_ops {
    char name[16];
};

struct inet_connection_sock {
    struct inet_sock icsk_inet;
    struct request_sock_queue icsk_accept_queue;
    const struct tcp_congestion_ops *icsk_ca_ops;
    struct timer_list icsk_retransmit_timer;
    __u32 icsk_rto;
    __u32 icsk_pmtu_cookie;
    __u32 icsk_user_timeout;
    __u8 icsk_ca_state : 5;
    __u8 icsk_retransmits;
    __u8 icsk_pending;
    __u8 icsk_backoff;
    __u8 icsk_probes_out;
    struct {
        __u32 lrcvtime;
    } icsk_ack;
};

/* until icsk_retransmit_timer.expires took its place in 6.19 */
struct inet_connection_sock___timeout {
    unsigned long icsk_timeout;
};

/* until 6.0 */
struct inet_connection_sock___node {
    struct hlist_node icsk_listen_portaddr_node;
};

struct minmax_sample {
    __u32 v;
};

struct minmax {
    struct minmax_sample s[3];
};

struct tcp_sock {
    struct inet_connection_sock inet_conn;
    struct minmax rtt_min;
    struct {
        int space;
    } rcvq_space;
    __u32 snd_nxt;
    __u8 chrono_type : 2; /* a whole byte since 6.18 */
    __u32 chrono_start;
    __u32 chrono_stat[3];
    __u32 copied_seq;
    __u32 rcv_nxt;
    __u32 snd_una;
    __u32 write_seq;
    __u32 srtt_us;
    __u32 mdev_us;
    __u32 rttvar_us;
    __u32 snd_cwnd;
    __u32 snd_ssthresh;
    __u32 mss_cache;
    __u16 advmss;
    __u32 packets_out;
    __u32 retrans_out;
    __u32 lost_out;
    __u32 sacked_out;
    __u32 total_retrans;
    __u32 rcv_wnd;
    __u32 snd_wnd;
    __u32 segs_in;
    __u32 segs_out;
    __u32 data_segs_in;
    __u32 data_segs_out;
    __u32 delivered;
    __u32 reordering;
    __u64 bytes_acked;
    __u64 bytes_received;
    __u64 bytes_sent;
    __u64 bytes_retrans;
    __u32 lsndtime;
    __u32 rcv_tstamp;
    unsigned int keepalive_time;
    unsigned int keepalive_intvl;
    __u8 keepalive_probes;
    __u8 nonagle : 4;
    __u32 rate_delivered;
    __u32 rate_interval_us;
};

struct inet_timewait_sock {
    struct sock_common __tw_common;
    __u32 tw_mark;
    volatile unsigned char tw_substate;
    unsigned int tw_transparent : 1;
    unsigned int tw_tos : 8;
    __u32 tw_priority;
    struct timer_list tw_timer;
};

struct request_sock {
    struct sock_common __req_common;
    __u8 num_retrans;
    struct timer_list rsk_timer;
};

struct inet_request_sock {
    struct request_sock req;
    __u32 ir_mark;
};

struct udp_sock {
    int forward_deficit;
};

struct sockaddr_un {
    unsigned short sun_family;
    char sun_path[108];
};

struct unix_address {
    int len;
    struct sockaddr_un name[1];
};

struct unix_sock {
    struct sock sk;
    struct unix_address *addr;
    struct sock *peer;
    int inq_len; /* since 6.18: the bytes a stream has waiting */
};

struct netlink_sock {
    __u32 portid;
    __u32 dst_portid;
    __u32 dst_group;
    __u32 ngroups;
    unsigned long *groups;
};

struct packet_sock {
    int ifindex;
    __be16 num;
};

struct sockaddr_vm {
    unsigned int svm_port;
    unsigned int svm_cid;
};

struct mptcp_sock {
    struct sock *first;
};

struct vsock_sock {
    struct sockaddr_vm local_addr;
    struct sockaddr_vm remote_addr;
};

struct net_device {
    int ifindex;
};

struct xdp_sock {
    struct net_device *dev;
    __u16 queue_id;
};

#pragma clang attribute pop

/* What a program is called with. The verifier knows these by their places, which stay, so they
 * need no relocation; each name that is relocated costs the load a search of the kernel's BTF. */
struct seq_file;
struct bpf_map;

struct bpf_iter_meta {
    struct seq_file *seq;
    __u64 session_id;
    __u64 seq_num;
};

struct bpf_iter__task {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
};

struct bpf_iter__task_file {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
    __u32 fd;
    struct file *file;
};

struct bpf_iter__bpf_map_elem {
    struct bpf_iter_meta *meta;
    struct bpf_map *map;
    void *key;
    void *value;
};

#endif
