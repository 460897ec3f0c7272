/*
 * What the BPF programs write and the decoder reads: a stream of chunks.
 *
 * Each chunk begins with its size and tag.  A TASK chunk names the process whose
 * descriptors follow; a SOCK chunk is one socket seen at one descriptor (or at
 * none); every chunk after it, up to the next TASK or SOCK, adds detail to that
 * socket.  Numbers are in the machine's byte order, except that addresses are in
 * network order, as the kernel has them.  Unknown tags are skipped by their size,
 * so a program can say more than a decoder understands.
 *
 * Included by BPF programs and user space; the includer has the __uN types.
 */
#ifndef BERTH_KERNEL_BPF_RECORD_H
#define BERTH_KERNEL_BPF_RECORD_H

enum bpf_tag {
    BPF_TAG_TASK = 1,
    BPF_TAG_SOCK = 2,
    BPF_TAG_OPTIONS = 3,
    BPF_TAG_TCP = 4,
    BPF_TAG_MEMORY = 5,
    BPF_TAG_TIMER = 6,
    BPF_TAG_CGROUP = 7,
    BPF_TAG_UNIX = 8,
    BPF_TAG_PORTID = 9,
    BPF_TAG_CLOCK = 10,
    BPF_TAG_TALLY = 11,
    BPF_TAG_BUCKET = 12,
};

/* Which optional chunks a program writes: the caller's wish list. */
enum bpf_detail {
    BPF_DETAIL_OPTIONS = 1 << 0,
    BPF_DETAIL_TCP = 1 << 1,
    BPF_DETAIL_MEMORY = 1 << 2,
    BPF_DETAIL_TIMER = 1 << 3,
    BPF_DETAIL_CGROUP = 1 << 4,
};

/* Sorts of socket, as bits of bpf_wish.kinds: the numbers of enum net_kind. */
enum bpf_kind {
    BPF_KIND_TCP,
    BPF_KIND_UDP,
    BPF_KIND_UDPLITE,
    BPF_KIND_MPTCP,
    BPF_KIND_SCTP,
    BPF_KIND_DCCP,
    BPF_KIND_RAW,
    BPF_KIND_PING,
    BPF_KIND_UNIX_STREAM,
    BPF_KIND_UNIX_DGRAM,
    BPF_KIND_UNIX_SEQPACKET,
    BPF_KIND_PACKET,
    BPF_KIND_NETLINK,
    BPF_KIND_VSOCK,
    BPF_KIND_TIPC,
    BPF_KIND_XDP,
    BPF_KIND_OTHER,
    BPF_KINDS,
};

/* A TCP socket in CLOSE that has a port, as the kernel calls it since 6.8. */
#define BPF_STATE_BOUND_INACTIVE 13

enum bpf_walk {
    BPF_WALK_UNHELD, /* sockets that no process can hold, and a TALLY of the others at the end */
    BPF_WALK_ALL,    /* every socket; those that a process can hold have BPF_SOCK_WALKED */
};

/* The tables that are walked, as the TALLY counts them. */
enum bpf_table { BPF_TABLE_LISTENING, BPF_TABLE_ESTABLISHED, BPF_TABLE_UDP, BPF_TABLES };

#define BPF_INODE_BITS (1 << 15)

/* The question, fixed before a program is loaded: the verifier then removes the
 * code for whatever wasn't asked. */
struct bpf_wish {
    __u32 kinds;   /* bits of enum bpf_kind */
    __u32 states;  /* bits of TCP_ESTABLISHED (1) .. BPF_STATE_BOUND_INACTIVE */
    __u32 details; /* enum bpf_detail */
    __u32 netns;   /* inode of the one namespace wanted, or 0 for all */
    __u16 lport;   /* host order; 0 for any */
    __u16 rport;
    __u8 ipv4; /* whether AF_INET, AF_INET6 sockets are wanted */
    __u8 ipv6;
    __u8 walk;       /* enum bpf_walk: what the walk over the kernel's tables tells */
    __u8 in_place;   /* whether the kernel lets memory be read by plain loads (bpf_rdonly_cast) */
    __u8 few;        /* of what is held, only the inodes in the set; and more, by chance */
    __u32 socket_fd; /* a socket of the reader's, by which others are known */
    __u64 inodes[BPF_INODE_BITS / 64];
};

/* What a program that shares memory with its reader has told since the reader emptied it. */
struct bpf_output {
    __u32 used;     /* of bytes */
    __u32 requests; /* for connections (SYN_RECV) that wait at the listeners told so far */
    __u8 bytes[(1 << 18) - 8];
};

/* The set of inodes: each is the bit of its lowest digits, sockets that were made one after the
 * other have different ones. */
static inline __attribute__((always_inline)) __u32 bpf_inode_bit(__u64 inode)
{
    return inode % BPF_INODE_BITS;
}

/* The question of who has a port. */
struct bpf_ports_wish {
    __u32 number;  /* another one for each question, from 1 */
    __u32 netns;   /* inode; 0 all */
    __u32 kinds;   /* TCP, UDP */
    __u16 lport;   /* host order; 0 all */
    __u16 choice;  /* enum bpf_choice */
    __u16 family;  /* of the one local address wanted, of BUSY and WAY; 0 any */
    __u16 rport;   /* of WAY */
    __u32 addr[4]; /* IPv4 in the first */
    __u32 peer[4];
};

/* Of a port with very many owners, which are told. */
enum bpf_choice {
    BPF_CHOOSE_SORTS, /* of owners that no rule tells apart only the first */
    BPF_CHOOSE_BUSY,  /* of those that wait for nobody only the first; a TALLY counts all */
    BPF_CHOOSE_WAY, /* connections between the two ends alone, and ports that new ones can't use */
};

enum bpf_sock_flag {
    BPF_SOCK_REUSEADDR = 1 << 0,
    BPF_SOCK_REUSEPORT = 1 << 1,
    BPF_SOCK_V6ONLY = 1 << 2,
    BPF_SOCK_MINI = 1 << 3,     /* TIME_WAIT or NEW_SYN_RECV: has no uid and no inode */
    BPF_SOCK_FILELESS = 1 << 4, /* no process can hold it: orphaned, unaccepted, the kernel's */
    BPF_SOCK_KERNEL = 1 << 5,   /* made by the kernel for itself */
    BPF_SOCK_HAS_ADDR4 = 1 << 6,
    BPF_SOCK_HAS_ADDR6 = 1 << 7,
    BPF_SOCK_DEAD = 1 << 9,        /* closed by its program */
    BPF_SOCK_TRANSPARENT = 1 << 8, /* for mini sockets; full ones tell by OPTIONS */
    BPF_SOCK_UID = 1 << 11,        /* uid is known though no process can hold it */
    BPF_SOCK_WALKED = 1 << 10,     /* met in a table: a process can hold it, which isn't known */
    BPF_SOCK_HANDSHAKES = 1 << 12, /* a listener to whom some are about to connect */
};

struct bpf_chunk {
    __u16 size; /* of the whole chunk, a multiple of 4 */
    __u16 tag;
};

struct bpf_task_chunk {
    struct bpf_chunk chunk;
    __u32 pid;      /* of the process, as the reader's pid namespace numbers it */
    __u64 start_ns; /* since boot, suspended time included */
    __u64 cgroup;   /* id in the unified hierarchy, 0 if not told */
    __u32 euid;
    __u32 unused;
    char comm[16];
};

/* The kernel's clock, from which the reader finds out how long a jiffy is. */
struct bpf_clock_chunk {
    struct bpf_chunk chunk;
    __u32 unused;
    __u64 jiffies;
    __u64 monotonic_ns;
};

/* What of the question the tables hold for processes to have open: how many, and the sum of their
 * inodes. Who met the same sockets at descriptors has the same numbers. */
struct bpf_tally_chunk {
    struct bpf_chunk chunk;
    __u32 walked; /* mask of 1 << enum bpf_table: tables of which that is known */
    __u64 sockets[BPF_TABLES];
    __u64 inodes[BPF_TABLES];
    __u64 tcp; /* TCP sockets met, of every namespace and whatever was asked; no mini ones */
};

/* A port of TCP that is taken: struct inet_bind_bucket. */
struct bpf_bucket_chunk {
    struct bpf_chunk chunk;
    __u32 netns;
    __u32 uid;
    __u16 port; /* host order */
    __u16 family;
    __s8 fastreuse;
    __s8 fastreuseport;
    __u8 v6only;
    __u8 unused;
    __u32 addr[4]; /* IPv4 in the first */
};

struct bpf_sock_chunk {
    struct bpf_chunk chunk;
    __u8 family;
    __u8 type;
    __u8 state;
    __u8 kind; /* enum bpf_kind */
    __u16 protocol;
    __u16 lport; /* host order */
    __u16 rport; /* host order */
    __u16 flags; /* enum bpf_sock_flag */
    __u32 fd;
    __u32 holders; /* references to the open file: 1 when this descriptor is alone */
    __u32 uid;
    __u32 netns;
    __u32 recvq;
    __u32 sendq;
    __u32 inode; /* sockfs numbers with 32 bits */
    __u32 ifindex;
    __u64 cookie;
    /* HAS_ADDR4: [0] local, [1] peer.  HAS_ADDR6: [0..3] local, [4..7] peer. */
    __u32 addr[8];
};

#define BPF_SOCK_SIZE_BARE  56
#define BPF_SOCK_SIZE_ADDR4 64
#define BPF_SOCK_SIZE_ADDR6 88

enum bpf_option_bit {
    BPF_OPT_TRANSPARENT = 1 << 0,
    BPF_OPT_FREEBIND = 1 << 1,
    BPF_OPT_BIND_ADDRESS_NO_PORT = 1 << 2,
    BPF_OPT_HDRINCL = 1 << 3,
    BPF_OPT_RECVERR = 1 << 4,
    BPF_OPT_KEEPALIVE = 1 << 5,
    BPF_OPT_BROADCAST = 1 << 6,
    BPF_OPT_LINGER = 1 << 7,
    BPF_OPT_NODELAY = 1 << 8,
    BPF_OPT_CORK = 1 << 9,
    BPF_OPT_INET = 1 << 10, /* the IP-level facts below are known */
    BPF_OPT_TCP = 1 << 11,  /* the TCP-level facts below are known */
};

struct bpf_options_chunk {
    struct bpf_chunk chunk;
    __u32 bits; /* enum bpf_option_bit */
    __u32 mark;
    __u32 priority;
    __u32 linger_jiffies;
    __u8 tos;
    __u8 tclass;
    __u8 keepalive_probes; /* 0, 0, 0: as the sysctls say */
    __u8 defer_accept;
    __s16 ttl; /* -1: the route's */
    __u16 unused;
    __u32 keepalive_time; /* jiffies */
    __u32 keepalive_intvl;
    __u32 fastopen_max;
    char congestion[16];
};

struct bpf_tcp_chunk {
    struct bpf_chunk chunk;
    __u32 srtt_us8; /* eight times the smoothed round trip, as the kernel keeps it */
    __u32 mdev_us4; /* four times */
    __u32 min_rtt_us;
    __u32 cwnd;
    __u32 ssthresh;
    __u32 mss;
    __u32 pmtu;
    __u32 rto_jiffies;
    __u32 unacked;
    __u32 lost;
    __u32 retrans_out;
    __u32 retrans_total;
    __u32 snd_wnd;
    __u32 rcv_space;
    __u32 notsent;
    __u32 segs_in;
    __u32 segs_out;
    __u32 rate_delivered; /* segments, in rate_interval_us */
    __u32 rate_interval_us;
    __u32 last_send_jiffies; /* ago */
    __u32 last_recv_jiffies;
    __u32 last_ack_jiffies;
    __u32 busy_jiffies;
    __u32 ca_state;
    __u32 unused;
    __u64 bytes_acked;
    __u64 bytes_received;
    __u64 bytes_sent;
    __u64 bytes_retrans;
    __u64 pacing_rate; /* bytes a second */
};

struct bpf_memory_chunk {
    struct bpf_chunk chunk;
    __u32 rmem_alloc;
    __u32 wmem_alloc;
    __u32 rcvbuf;
    __u32 sndbuf;
    __u32 forward_alloc;
    __u32 wmem_queued;
    __u32 optmem;
    __u32 backlog;
    __u32 drops;
};

enum bpf_timer_kind {
    BPF_TIMER_NONE,
    BPF_TIMER_RETRANS,
    BPF_TIMER_KEEPALIVE,
    BPF_TIMER_TIMEWAIT,
    BPF_TIMER_PROBE,
    BPF_TIMER_SYNACK,
};

struct bpf_timer_chunk {
    struct bpf_chunk chunk;
    __u32 kind; /* enum bpf_timer_kind */
    __u32 retries;
    __s32 left_jiffies;
};

struct bpf_cgroup_chunk {
    struct bpf_chunk chunk;
    __u32 unused;
    __u64 id;
};

#define BPF_UNIX_PATH_MAX 108

struct bpf_unix_chunk {
    struct bpf_chunk chunk;
    __u32 length; /* of path; an abstract name begins with a zero byte */
    __u64 peer_inode;
    char path[BPF_UNIX_PATH_MAX];
};

#define BPF_UNIX_SIZE_BARE 16

/* Numbers that take the place of ports: netlink port id and groups, vsock cid and
 * port, packet and XDP device and queue or protocol. */
struct bpf_portid_chunk {
    struct bpf_chunk chunk;
    __u32 local_id;
    __u32 local_port;
    __u32 peer_id;
    __u32 peer_port;
};

#endif
