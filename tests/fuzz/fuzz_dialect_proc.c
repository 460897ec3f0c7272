/* What the tongues netstat and ifconfig read of /proc/net: any bytes, as whatever file they ask
 * for. netstat_file is this file's own (the linker's --wrap), and so are the interfaces. What comes
 * out has lines, and nothing that a terminal would obey. */
#include <fcntl.h>
#include <net/if.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/out.h"
#include "dialect/ifconfig_show.h"
#include "dialect/netstat.h"
#include "fuzz.h"
#include "kernel/links.h"

static const uint8_t *file;
static size_t file_n;

int __wrap_netstat_file(const char *name, struct buf *ret);
int __wrap_links_read(struct vec *ret, struct err *e);

int __wrap_netstat_file(const char *name, struct buf *ret)
{
    (void)name;
    buf_clear(ret);
    buf_add(ret, file, file_n);
    (void)buf_cstr(ret);
    return ret->failed ? -1 : 0;
}

int __wrap_links_read(struct vec *ret, struct err *e)
{
    (void)e;
    struct net_iface lo = {.name = "lo", .flags = IFF_UP, .mtu = 65536};
    return vec_add(ret, &lo);
}

static void check_harmless(struct out *out)
{
    for (size_t i = 0; i < out->buf.len; i++) {
        unsigned char c = (unsigned char)out->buf.data[i];
        fuzz_check(c == '\n' || (c >= ' ' && c != 0x7f), "no control characters");
    }
    buf_clear(&out->buf);
}

static void print_tables(struct out *out, bool six)
{
    struct netstat_options o = {
        .inet = !six, .inet6 = six, .number_hosts = true, .number_ports = true};
    strcpy(o.families, six ? "inet6" : "inet");
    netstat_groups(&o, out);
    netstat_statistics(&o, out);
    for (o.extend = 0; o.extend < 3; o.extend++)
        netstat_routes(&o, out);
    o.cache = true;
    netstat_routes(&o, out);
}

static void print_interfaces(struct out *out)
{
    struct ifconfig i;
    fuzz_check(ifconfig_read(&i) == 0, "interfaces are read");
    for (size_t k = 0; k < i.entries.len; k++) {
        ifconfig_print_line(&i, vec_at(&i.entries, k), out);
        ifconfig_print_paragraph(&i, vec_at(&i.entries, k), out);
    }
    ifconfig_clear(&i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t nothing;
    struct out out;
    if (size > 1 << 14)
        return 0; /* so that nothing has to be flushed before it was looked at */
    file = size ? data : &nothing;
    file_n = size;
    out_init(&out, -1);
    print_tables(&out, false);
    check_harmless(&out);
    print_tables(&out, true);
    check_harmless(&out);
    print_interfaces(&out);
    check_harmless(&out);
    out_clear(&out);
    return 0;
}
