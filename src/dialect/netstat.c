/* netstat as net-tools 2.10 has it: its command line, and which tables it asks for. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/out.h"
#include "dialect/dialects.h"
#include "dialect/ifconfig.h"
#include "dialect/netstat.h"

enum { WRONG_USAGE = 3, WORDS_MAX = 4096 };

static const char usage_text[] =
    "usage: netstat [-vWeenNcCF] [<Af>] -r         netstat {-V|--version|-h|--help}\n"
    "       netstat [-vWnNcaeol] [<Socket> ...]\n"
    "       netstat { [-vWeenNac] -i | [-cnNe] -M | -s [-6tuw] }\n"
    "\n"
    "        -r, --route              display routing table\n"
    "        -i, --interfaces         display interface table\n"
    "        -g, --groups             display multicast group memberships\n"
    "        -s, --statistics         display networking statistics (like SNMP)\n"
    "        -M, --masquerade         display masqueraded connections\n"
    "\n"
    "        -v, --verbose            be verbose\n"
    "        -W, --wide               don't truncate IP addresses\n"
    "        -n, --numeric            don't resolve names\n"
    "        --numeric-hosts          don't resolve host names\n"
    "        --numeric-ports          don't resolve port names\n"
    "        --numeric-users          don't resolve user names\n"
    "        -N, --symbolic           resolve hardware names\n"
    "        -e, --extend             display other/more information\n"
    "        -p, --programs           display PID/Program name for sockets\n"
    "        -o, --timers             display timers\n"
    "        -c, --continuous         continuous listing\n"
    "\n"
    "        -l, --listening          display listening server sockets\n"
    "        -a, --all                display all sockets (default: connected)\n"
    "        -F, --fib                display Forwarding Information Base (default)\n"
    "        -C, --cache              display routing cache instead of FIB\n"
    "        -Z, --context            display SELinux security context for sockets\n"
    "\n"
    "  <Socket>={-t|--tcp} {-u|--udp} {-U|--udplite} {-S|--sctp} {-w|--raw}\n"
    "           {-x|--unix} --ax25 --ipx --netrom\n"
    "  <AF>=Use '-6|-4' or '-A <af>' or '--<af>'; default: inet\n"
    "  List of possible address families (which support routing):\n";
/* The original writes the families, too, to standard error. */
static const char usage_families[] =
    "    inet (DARPA Internet) inet6 (IPv6) ax25 (AMPR AX.25) \n"
    "    netrom (AMPR NET/ROM) rose (AMPR ROSE) ipx (Novell IPX) \n"
    "    ddp (Appletalk DDP) x25 (CCITT X.25) \n";

enum long_option {
    LONG_HOSTS = 256,
    LONG_PORTS,
    LONG_USERS,
    LONG_FAMILY, /* the option's own name is one */
};

/* In the original's order, which shows where an abbreviation is ambiguous. */
static const struct option long_options[] = {
    {"ax25", no_argument, NULL, LONG_FAMILY},
    {"ip", no_argument, NULL, LONG_FAMILY},
    {"ipx", no_argument, NULL, LONG_FAMILY},
    {"appletalk", no_argument, NULL, LONG_FAMILY},
    {"netrom", no_argument, NULL, LONG_FAMILY},
    {"inet", no_argument, NULL, LONG_FAMILY},
    {"inet6", no_argument, NULL, LONG_FAMILY},
    {"ddp", no_argument, NULL, LONG_FAMILY},
    {"rose", no_argument, NULL, LONG_FAMILY},
    {"unix", no_argument, NULL, LONG_FAMILY},
    {"tcpip", no_argument, NULL, LONG_FAMILY},
    {"x25", no_argument, NULL, LONG_FAMILY},
    {"bluetooth", no_argument, NULL, LONG_FAMILY},
    {"version", no_argument, NULL, 'V'},
    {"interfaces", no_argument, NULL, 'i'},
    {"help", no_argument, NULL, 'h'},
    {"route", no_argument, NULL, 'r'},
    {"protocol", required_argument, NULL, 'A'},
    {"tcp", no_argument, NULL, 't'},
    {"udp", no_argument, NULL, 'u'},
    {"udplite", no_argument, NULL, 'U'},
    {"sctp", no_argument, NULL, 'S'},
    {"raw", no_argument, NULL, 'w'},
    {"unix", no_argument, NULL, 'x'},
    {"l2cap", no_argument, NULL, '2'},
    {"rfcomm", no_argument, NULL, 'f'},
    {"statistics", no_argument, NULL, 's'},
    {"masquerade", no_argument, NULL, 'M'},
    {"groups", no_argument, NULL, 'g'},
    {"numeric", no_argument, NULL, 'n'},
    {"numeric-hosts", no_argument, NULL, LONG_HOSTS},
    {"numeric-ports", no_argument, NULL, LONG_PORTS},
    {"numeric-users", no_argument, NULL, LONG_USERS},
    {"symbolic", no_argument, NULL, 'N'},
    {"all", no_argument, NULL, 'a'},
    {"continuous", no_argument, NULL, 'c'},
    {"cache", no_argument, NULL, 'C'},
    {"context", no_argument, NULL, 'Z'},
    {"fib", no_argument, NULL, 'F'},
    {"extend", no_argument, NULL, 'e'},
    {"listening", no_argument, NULL, 'l'},
    {"programs", no_argument, NULL, 'p'},
    {"timers", no_argument, NULL, 'o'},
    {"verbose", no_argument, NULL, 'v'},
    {"wide", no_argument, NULL, 'W'},
    {NULL, 0, NULL, 0},
};

static int show_usage(int status)
{
    fputs(usage_text, status ? stderr : stdout);
    int r = fflush(stdout) == 0 ? 0 : -errno;
    fputs(usage_families, stderr);
    return command_output_status(r, status);
}

/* The command line */

static int show_version(void)
{
    printf("berth %s, netstat as in net-tools 2.10\n", BERTH_VERSION);
    return command_output_status(fflush(stdout) == 0 ? 0 : -errno, EXIT_YES);
}

static bool take_table(struct netstat_options *o, int letter)
{
    switch (letter) {
    case 'r':
        o->tables++;
        return o->route = true;
    case 'i':
        o->tables++;
        return o->interfaces = true;
    case 'g':
        return o->groups = true;
    case 's':
        o->tables++;
        return o->statistics = true;
    case 'M':
        o->tables++;
        return o->masquerade = true;
    case 't':
        return o->tcp = true;
    case 'u':
        return o->udp = true;
    case 'U':
        return o->udplite = true;
    case 'S':
        return o->sctp = true;
    case 'w':
        return o->raw = true;
    default:
        return false;
    }
}

static bool take_manner(struct netstat_options *o, int letter)
{
    switch (letter) {
    case 'a':
        return o->all = true;
    case 'l':
        return o->listening = true;
    case 'p':
        return o->programs = true;
    case 'o':
        return o->timers = true;
    case 'W':
        return o->wide = true;
    case 'c':
        return o->continuous = true;
    case 'C':
        return o->cache = true;
    case 'F':
        return o->fib = true;
    case 'Z':
        return o->context = true;
    case 'v':
        return o->verbose = true;
    case 'n':
        return o->number_hosts = o->number_ports = o->number_users = true;
    case LONG_HOSTS:
        return o->number_hosts = true;
    case LONG_PORTS:
        return o->number_ports = true;
    case LONG_USERS:
        return o->number_users = true;
    case 'e':
        return ++o->extend > 0;
    default:
        return letter == 'N' || letter == 'd';
    }
}

/* 0, or an exit status and *ret_over. */
static int take_option(struct netstat_options *o, int letter, int index, bool *ret_over)
{
    if (take_table(o, letter) || take_manner(o, letter))
        return 0;
    int status = 0;
    switch (letter) {
    case 'A':
        status = netstat_take_families(o, optarg);
        break;
    case LONG_FAMILY:
        status = netstat_take_families(o, long_options[index].name);
        break;
    case '4':
        status = netstat_take_families(o, "inet");
        break;
    case '6':
        status = netstat_take_families(o, "inet6");
        break;
    case 'x':
        status = netstat_take_families(o, "unix");
        break;
    case '2':
    case 'f':
        netstat_take_bluetooth(o);
        break;
    case 'V':
        *ret_over = true;
        return show_version();
    case 'h':
        *ret_over = true;
        return show_usage(0);
    default:
        status = show_usage(WRONG_USAGE);
        break;
    }
    *ret_over = status != 0;
    return status;
}

static int parse(struct netstat_options *o, int argc, char **argv, bool *ret_over)
{
    int letter, index = 0;
    optind = 0; /* glibc: from the beginning */
    while ((letter = getopt_long(argc, argv, "?A:CFMNSUVWZacdefghilnoprstuvwx246", long_options,
                                 &index)) >= 0) {
        int status = take_option(o, letter, index, ret_over);
        if (*ret_over)
            return status;
    }
    if (o->tables > 1) {
        *ret_over = true;
        return show_usage(WRONG_USAGE);
    }
    return 0;
}

/* What is asked for */

static int show_once(const struct netstat_options *o, struct out *out)
{
    if (o->route)
        return netstat_routes(o, out);
    if (o->interfaces)
        return ifconfig_table(o->all, o->extend > 0, out);
    return netstat_sockets(o, out);
}

static int show(const struct netstat_options *o, struct out *out)
{
    if (o->statistics)
        return netstat_statistics(o, out);
    if (o->interfaces)
        buf_str(&out->buf, "Kernel Interface table\n");
    for (;;) {
        int status = show_once(o, out);
        if (!o->continuous || status != EXIT_YES || out_flush(out) < 0)
            return status;
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
}

static int refuse(const struct netstat_options *o)
{
    if (o->context) {
        fputs("SELinux is not enabled on this machine.\n", stderr);
        return EXIT_NO;
    }
    if (o->masquerade) {
        fputs("netstat: no support for `ip_masquerade' on this system.\n", stderr);
        return EXIT_NO;
    }
    return 0;
}

static int run(const void *arguments, const struct command_words *words)
{
    (void)arguments;
    struct netstat_options o = {0};
    char name[] = "netstat";
    bool over = false;
    if (words->n >= WORDS_MAX)
        return show_usage(WRONG_USAGE);
    char **argv = calloc((size_t)words->n + 2, sizeof *argv);
    if (!argv)
        return EXIT_NO;
    argv[0] = name;
    for (int i = 0; i < words->n; i++)
        argv[i + 1] = words->words[i];
    int status = parse(&o, words->n + 1, argv, &over);
    free(argv);
    if (over || (status = refuse(&o)) != 0)
        return status;

    _cleanup_out_ struct out out;
    out_init(&out, STDOUT_FILENO);
    status = show(&o, &out);
    return command_output_status(out_flush(&out), status);
}

const struct command command_netstat = {
    .name = "netstat",
    .group = "Old tongues",
    .summary = "netstat as net-tools has it: connections, routes, interfaces, counters",
    .description =
        "Reads the command line of net-tools' netstat, and prints what that prints, byte "
        "for byte, so that scripts and hands go on working.",
    .max_words = -1,
    .own_words = true,
    .run = run,
};
