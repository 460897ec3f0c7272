/* ifconfig as net-tools 2.10 has it, for looking: changing is ip(8)'s work. And from BSD's -u, -d,
 * -l. */
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/out.h"
#include "dialect/dialects.h"
#include "dialect/ifconfig.h"
#include "dialect/ifconfig_show.h"
#include "dialect/netstat.h"

static const char usage_text[] = "Usage:\n"
                                 "  ifconfig [-a] [-v] [-s] <interface> [[<AF>] <address>]\n"
                                 "  [add <address>[/<prefixlen>]]\n"
                                 "  [del <address>[/<prefixlen>]]\n"
                                 "  [[-]broadcast [<address>]]  [[-]pointopoint [<address>]]\n"
                                 "  [netmask <address>]  [dstaddr <address>]  [tunnel <address>]\n"
                                 "  [outfill <NN>] [keepalive <NN>]\n"
                                 "  [hw <HW> <address>]  [mtu <NN>]\n"
                                 "  [[-]trailers]  [[-]arp]  [[-]allmulti]\n"
                                 "  [multicast]  [[-]promisc]\n"
                                 "  [mem_start <NN>]  [io_addr <NN>]  [irq <NN>]  [media <type>]\n"
                                 "  [txqueuelen <NN>]\n"
                                 "  [name <newname>]\n"
                                 "  [[-]dynamic]\n"
                                 "  [up|down] ...\n"
                                 "\n"
                                 "  <HW>=Hardware Type.\n"
                                 "  List of possible hardware types:\n"
                                 "  <AF>=Address family. Default: inet\n"
                                 "  List of possible address families:\n";
/* These, too, go to standard error with the original. */
static const char usage_lists[] =
    "    loop (Local Loopback) slip (Serial Line IP) cslip (VJ Serial Line IP) \n"
    "    slip6 (6-bit Serial Line IP) cslip6 (VJ 6-bit Serial Line IP) adaptive (Adaptive Serial "
    "Line IP) \n"
    "    ash (Ash) ether (Ethernet) ax25 (AMPR AX.25) \n"
    "    netrom (AMPR NET/ROM) rose (AMPR ROSE) tunnel (IPIP Tunnel) \n"
    "    ppp (Point-to-Point Protocol) hdlc ((Cisco)-HDLC) lapb (LAPB) \n"
    "    arcnet (ARCnet) dlci (Frame Relay DLCI) frad (Frame Relay Access Device) \n"
    "    sit (IPv6-in-IPv4) fddi (Fiber Distributed Data Interface) hippi (HIPPI) \n"
    "    irda (IrLAP) ec (Econet) x25 (generic X.25) \n"
    "    eui64 (Generic EUI-64) \n"
    "    unix (UNIX Domain) inet (DARPA Internet) inet6 (IPv6) \n"
    "    ax25 (AMPR AX.25) netrom (AMPR NET/ROM) rose (AMPR ROSE) \n"
    "    ipx (Novell IPX) ddp (Appletalk DDP) ec (Econet) \n"
    "    ash (Ash) x25 (CCITT X.25) \n";

struct ifconfig_options {
    bool all, table, up, down, names;
};

static int show_usage(void)
{
    fputs(usage_text, stdout);
    int r = fflush(stdout) == 0 ? 0 : -errno;
    fputs(usage_lists, stderr);
    return command_output_status(r, EXIT_YES);
}

static bool is_chosen(const struct ifconfig_options *o, const struct ifconfig_entry *e)
{
    bool up = e->link->flags & IFF_UP;
    if (o->up || o->down)
        return (o->up && up) || (o->down && !up);
    return o->all || up || o->names;
}

static void print_heading(struct out *out)
{
    buf_str(&out->buf, "Iface      MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR "
                       "Flg\n");
}

static void print_entry(const struct ifconfig_options *o, const struct ifconfig *i,
                        const struct ifconfig_entry *e, struct out *out)
{
    if (o->table)
        ifconfig_print_line(i, e, out);
    else
        ifconfig_print_paragraph(i, e, out);
}

static int show_all(const struct ifconfig_options *o, const struct ifconfig *i, struct out *out)
{
    char name[NETSTAT_NAME];
    bool first = true;
    for (size_t k = 0; k < i->entries.len; k++) {
        const struct ifconfig_entry *e = vec_at(&i->entries, k);
        if (!is_chosen(o, e))
            continue;
        if (o->names)
            buf_printf(&out->buf, "%s%s", first ? "" : " ", netstat_name(name, e->name));
        else
            print_entry(o, i, e, out);
        first = false;
    }
    if (o->names)
        buf_char(&out->buf, '\n');
    return EXIT_YES;
}

static int show_one(const struct ifconfig_options *o, struct ifconfig *i, const char *name,
                    struct out *out)
{
    struct ifconfig_entry e;
    if (!ifconfig_find(i, name, &e)) {
        struct buf text = BUF_INIT(4096);
        netstat_text(&text, name, strlen(name));
        out_flush(out);
        fprintf(stderr, "%s: error fetching interface information: Device not found\n",
                buf_cstr(&text));
        buf_free(&text);
        return EXIT_NO;
    }
    print_entry(o, i, &e, out);
    return EXIT_YES;
}

static int show(const struct ifconfig_options *o, const char *name, struct out *out)
{
    struct ifconfig i;
    if (o->table && !o->names)
        print_heading(out);
    int status = ifconfig_read(&i) < 0 ? EXIT_NO : EXIT_YES;
    if (status == EXIT_YES)
        status = name ? show_one(o, &i, name, out) : show_all(o, &i, out);
    ifconfig_clear(&i);
    return status;
}

int ifconfig_table(bool all, bool paragraphs, struct out *out)
{
    const struct ifconfig_options o = {.all = all, .table = !paragraphs};
    struct ifconfig i;
    if (o.table)
        buf_str(&out->buf, "Iface             MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR "
                           "TX-DRP TX-OVR Flg\n");
    int status = ifconfig_read(&i) < 0 ? EXIT_NO : show_all(&o, &i, out);
    ifconfig_clear(&i);
    return status;
}

/* The command line */

static bool take_option(struct ifconfig_options *o, const char *word)
{
    static const struct {
        const char *word;
        size_t field;
    } known[] = {
        {"-a", offsetof(struct ifconfig_options, all)},
        {"-s", offsetof(struct ifconfig_options, table)},
        {"-u", offsetof(struct ifconfig_options, up)},
        {"-d", offsetof(struct ifconfig_options, down)},
        {"-l", offsetof(struct ifconfig_options, names)},
    };
    if (strcmp(word, "-v") == 0)
        return true;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].word, word) == 0) {
            *(bool *)((char *)o + known[i].field) = true;
            return true;
        }
    }
    return false;
}

static int fault_option(const char *word)
{
    struct buf text = BUF_INIT(4096);
    netstat_text(&text, word, strlen(word));
    fprintf(stderr,
            "ifconfig: option `%s' not recognised.\n"
            "ifconfig: `--help' gives usage information.\n",
            buf_cstr(&text));
    buf_free(&text);
    return EXIT_NO;
}

static int refuse_change(const char *name, const char *what)
{
    struct buf a = BUF_INIT(4096), b = BUF_INIT(4096);
    netstat_text(&a, name, strlen(name));
    netstat_text(&b, what, strlen(what));
    fprintf(stderr,
            "ifconfig: %s: '%s': this ifconfig shows interfaces and changes none; ip(8) does: 'ip "
            "link set "
            "%s …', 'ip address add … dev %s'\n",
            buf_cstr(&a), buf_cstr(&b), buf_cstr(&a), buf_cstr(&a));
    buf_free(&a);
    buf_free(&b);
    return EXIT_NO;
}

static bool is_word(const char *word, const char *const *among)
{
    for (; *among; among++)
        if (strcmp(word, *among) == 0)
            return true;
    return false;
}

/* A family without an address changes nothing, and the original looks at no interface then. */
static bool is_family(const char *word)
{
    static const char *const families[] = {"unix", "inet", "inet6", "ax25", "netrom", "rose",
                                           "ipx",  "ddp",  "ec",    "ash",  "x25",    NULL};
    return is_word(word, families);
}

/* With the name cut as the kernel would take it, whose names are no longer. */
static int run_show(const struct ifconfig_options *o, const char *name)
{
    char kept[IFNAMSIZ];
    if (name)
        snprintf(kept, sizeof kept, "%s", name);
    _cleanup_out_ struct out out;
    out_init(&out, STDOUT_FILENO);
    int status = show(o, name ? kept : NULL, &out);
    return command_output_status(out_flush(&out), status);
}

static int run(const void *arguments, const struct command_words *words)
{
    static const char *const helps[] = {"--help", "-h", "-?", NULL};
    static const char *const versions[] = {"--version", "-V", NULL};
    (void)arguments;
    struct ifconfig_options o = {0};
    int at = 0;
    for (; at < words->n && words->words[at][0] == '-'; at++) {
        const char *word = words->words[at];
        if (is_word(word, helps))
            return show_usage();
        if (is_word(word, versions)) {
            printf("berth %s, ifconfig as in net-tools 2.10\n", BERTH_VERSION);
            return command_output_status(fflush(stdout) == 0 ? 0 : -errno, EXIT_YES);
        }
        if (!take_option(&o, word))
            return fault_option(word);
    }
    const char *name = at < words->n ? words->words[at++] : NULL;
    if (at + 1 == words->n && is_family(words->words[at]))
        return EXIT_YES;
    if (at < words->n)
        return refuse_change(name, words->words[at]);
    return run_show(&o, name);
}

const struct command command_ifconfig = {
    .name = "ifconfig",
    .group = "Old tongues",
    .summary = "ifconfig as net-tools has it, for looking at interfaces",
    .usage = "[INTERFACE]",
    .description =
        "Reads the command line of net-tools' ifconfig where it shows interfaces, and prints what "
        "that prints, byte for byte. It changes nothing: ip(8) does that.",
    .max_words = -1,
    .own_words = true,
    .completes = "device",
    .run = run,
};
