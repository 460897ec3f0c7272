#include "store/facts_members.h"

#include "net/facts.h"

#define MEMBER(structure, key_, type_, member_, presence_)                                      \
    {                                                                                           \
        key_, type_, offsetof(structure, member_), sizeof(((structure *)0)->member_), presence_ \
    }
#define TABLE(array)                        \
    {                                       \
        array, sizeof array / sizeof *array \
    }

#define HOST(key, type, member) MEMBER(struct facts, key, type, member, -1)
static const struct member host[] = {
    HOST("hostname", MEMBER_CHARS, hostname),
    HOST("kernel", MEMBER_CHARS, kernel),
    HOST("taken_ns", MEMBER_U64, taken_ns),
    HOST("boot_ns", MEMBER_U64, boot_ns),
    HOST("uid", MEMBER_U32, uid),
    HOST("capabilities", MEMBER_U64, capabilities),
    HOST("netns", MEMBER_U64, netns),
    HOST("filtered", MEMBER_U8, filtered),
};
const struct member_table members_host = TABLE(host);

#define NAMESPACE(key, type, member) MEMBER(struct net_namespace, key, type, member, -1)
static const struct member namespace_[] = {
    NAMESPACE("inode", MEMBER_U64, inode),
    NAMESPACE("name", MEMBER_CHARS, name),
    NAMESPACE("pid", MEMBER_I32, pid),
};
const struct member_table members_namespace = TABLE(namespace_);

#define IFACE(key, type, member) MEMBER(struct net_iface, key, type, member, -1)
static const struct member interface[] = {
    IFACE("index", MEMBER_U32, index),
    IFACE("name", MEMBER_CHARS, name),
    IFACE("altname", MEMBER_CHARS, altname),
    IFACE("flags", MEMBER_U32, flags),
    IFACE("type", MEMBER_U16, type),
    IFACE("operstate", MEMBER_U8, operstate),
    IFACE("mtu", MEMBER_U32, mtu),
    IFACE("txqueuelen", MEMBER_U32, txqueuelen),
    IFACE("master", MEMBER_U32, master),
    IFACE("link", MEMBER_U32, link),
    IFACE("link_netns", MEMBER_I32, link_netns),
    IFACE("mac", MEMBER_BYTES, mac),
    IFACE("mac_len", MEMBER_U8, mac_len),
    IFACE("broadcast", MEMBER_BYTES, broadcast),
    IFACE("kind", MEMBER_CHARS, kind),
    IFACE("qdisc", MEMBER_CHARS, qdisc),
    IFACE("speed_mbps", MEMBER_U32, speed_mbps),
};
const struct member_table members_interface = TABLE(interface);

#define COUNTERS(which)                                                                         \
    IFACE("bytes", MEMBER_U64, which.bytes), IFACE("packets", MEMBER_U64, which.packets),       \
        IFACE("errors", MEMBER_U64, which.errors), IFACE("dropped", MEMBER_U64, which.dropped), \
        IFACE("overrun", MEMBER_U64, which.overrun),                                            \
        IFACE("frame_or_carrier", MEMBER_U64, which.frame_or_carrier),                          \
        IFACE("multicast_or_collisions", MEMBER_U64, which.multicast_or_collisions)
static const struct member rx[] = {COUNTERS(rx)};
static const struct member tx[] = {COUNTERS(tx)};
const struct member_table members_rx = TABLE(rx);
const struct member_table members_tx = TABLE(tx);

#define ADDRESS(key, type, member) MEMBER(struct net_iface_addr, key, type, member, -1)
static const struct member address[] = {
    ADDRESS("address", MEMBER_ADDR, addr),
    ADDRESS("peer", MEMBER_ADDR, peer),
    ADDRESS("broadcast", MEMBER_ADDR, broadcast),
    ADDRESS("prefix_len", MEMBER_U8, prefix_len),
    ADDRESS("scope", MEMBER_U8, scope),
    ADDRESS("flags", MEMBER_U32, flags),
    ADDRESS("protocol", MEMBER_U8, protocol),
    ADDRESS("valid_s", MEMBER_U32, valid_s),
    ADDRESS("preferred_s", MEMBER_U32, preferred_s),
    ADDRESS("label", MEMBER_CHARS, label),
};
const struct member_table members_address = TABLE(address);

#define PROCESS(key, type, member, presence) MEMBER(struct net_process, key, type, member, presence)
static const struct member process[] = {
    PROCESS("pid", MEMBER_I32, pid, -1),
    PROCESS("ppid", MEMBER_I32, ppid, -1),
    PROCESS("comm", MEMBER_CHARS, comm, -1),
    PROCESS("uid", MEMBER_U32, uid, NET_P_UID),
    PROCESS("user", MEMBER_TEXT, user, -1),
    PROCESS("start_ns", MEMBER_U64, start_ns, NET_P_START),
    PROCESS("cmdline", MEMBER_TEXT, cmdline, NET_P_CMDLINE),
    PROCESS("exe", MEMBER_TEXT, exe, NET_P_EXE),
    PROCESS("cwd", MEMBER_TEXT, cwd, NET_P_CWD),
    PROCESS("cgroup", MEMBER_TEXT, cgroup, NET_P_CGROUP),
    PROCESS("unit", MEMBER_TEXT, unit, -1),
    PROCESS("container", MEMBER_TEXT, container, -1),
    PROCESS("netns", MEMBER_U64, netns, -1),
};
const struct member_table members_process = TABLE(process);
