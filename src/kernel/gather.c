#include "kernel/gather.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"
#include "kernel/links.h"
#include "kernel/netns.h"
#include "kernel/snmp.h"
#include "kernel/source.h"
#include "kernel/sysctl.h"
#include "net/facts.h"
#include "net/filter.h"

/* The settings that decide over bind, listen and connect, and how full the host may get. */
static const char *const sysctls[] = {
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_nonlocal_bind",
    "net.ipv6.ip_nonlocal_bind",
    "net.ipv6.bindv6only",
    "net.ipv4.ip_autobind_reuse",
    "net.ipv4.ip_forward",
    "net.ipv6.conf.all.forwarding",
    "net.ipv6.conf.all.disable_ipv6",
    "net.ipv6.conf.lo.disable_ipv6",
    "net.ipv4.conf.all.route_localnet",
    "net.ipv4.conf.all.rp_filter",
    "net.core.somaxconn",
    "net.core.rmem_max",
    "net.core.wmem_max",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.ipv4.tcp_mem",
    "net.ipv4.udp_mem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_abort_on_overflow",
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_synack_retries",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_max_orphans",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_retries2",
    "net.ipv4.tcp_fastopen",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_l3mdev_accept",
    "net.ipv4.udp_l3mdev_accept",
    "net.ipv4.ping_group_range",
    "net.unix.max_dgram_qlen",
    "fs.file-max",
    "fs.file-nr",
    "fs.nr_open",
};

uint64_t gather_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &head, data) < 0)
        return 0;
    return data[0].effective | (uint64_t)data[1].effective << 32;
}

static void gather_host(struct facts *f)
{
    struct utsname names;
    if (uname(&names) == 0) {
        snprintf(f->hostname, sizeof f->hostname, "%s", names.nodename);
        snprintf(f->kernel, sizeof f->kernel, "%s", names.release);
    }
    f->taken_ns = time_real_ns();
    f->boot_ns = time_boot_ns();
    f->uid = (uint32_t)geteuid();
    f->capabilities = gather_capabilities();
}

static int gather_sysctls(struct facts *f, struct source_report *report)
{
    for (size_t i = 0; i < sizeof sysctls / sizeof *sysctls; i++) {
        _cleanup_buf_ struct buf value = BUF_INIT(SYSCTL_MAX);
        int r = sysctl_read(sysctls[i], &value);
        if (r == -EACCES)
            source_report_note(report, true, "the setting %s may not be read", sysctls[i]);
        r = facts_add_sysctl(f, sysctls[i], r == 0 ? buf_cstr(&value) : NULL, r == -EACCES);
        if (r < 0)
            return r;
    }
    return 0;
}

static int keep_counter(void *ctx, const char *name, uint64_t value)
{
    return facts_add_counter(ctx, name, value);
}

static int gather_namespaces(struct facts *f, struct source_report *report)
{
    uint32_t hidden = 0;
    int r = netns_list(&f->namespaces, &hidden);
    if (r == 0 && hidden)
        source_report_note(report, true, "the namespaces of %u process%s may not be seen%s", hidden,
                           hidden == 1 ? "" : "es",
                           geteuid() == 0 ? ", not even by root here" : "; run as root");
    return r == -ENOENT ? 0 : r; /* no /proc here: unknown */
}

struct keeper {
    const struct net_filter *filter; /* may be NULL */
    struct facts *facts;
};

static int keep_socket(void *ctx, const struct net_socket *s)
{
    const struct keeper *k = ctx;
    if (k->filter && net_filter_match(k->filter, s) == NET_MATCH_NO)
        return 0;
    return facts_add_socket(k->facts, s);
}

/* What belongs to the namespace that the thread is in, but for the sockets. */
static int gather_here(struct facts *f, struct source_report *report, struct err *e)
{
    (void)netns_self(&f->netns);
    int r = links_read(&f->interfaces, e);
    if (r < 0)
        return r;
    for (size_t i = 0; i < f->interfaces.len; i++)
        links_read_speed(vec_at(&f->interfaces, i));
    r = gather_sysctls(f, report);
    if (r < 0)
        return err_set(e, -r, "read the settings of", "/proc/sys", NULL);
    r = snmp_read(keep_counter, f);
    return r < 0 && r != -ENOENT ? err_set(e, -r, "read the counters of", "/proc/net", NULL) : 0;
}

static bool is_filtered(const struct source_query *q)
{
    const uint32_t kinds = 1u << NET_TCP | 1u << NET_UDP;
    const uint32_t families = 1u << AF_INET | 1u << AF_INET6;
    return q->filter || q->local_port || (q->kinds & kinds) != kinds ||
           (q->families & families) != families || q->states != NET_STATES_ALL;
}

int gather_host_facts(const struct source_query *q, struct facts *f, struct source_report *report,
                      struct err *e)
{
    struct netns_visit visit = {.home = -1};
    struct keeper keeper = {q->filter, f};
    gather_host(f);
    f->filtered = is_filtered(q);
    int r = q->scope == SOURCE_ONE_NETNS ? netns_enter(&visit, q->netns_fd, e) : 0;
    if (r < 0)
        return r;
    r = gather_here(f, report, e);
    int back = netns_leave(&visit, e);
    if (r == 0)
        r = back;
    return r < 0 ? r : source_read(q, keep_socket, &keeper, report, e);
}

int gather_facts(const struct source_query *q, struct facts *f, struct source_report *report,
                 struct err *e)
{
    int r = gather_namespaces(f, report);
    if (r < 0)
        return err_set(e, -r, "list network namespaces in", "/proc", NULL);
    return gather_host_facts(q, f, report, e);
}
