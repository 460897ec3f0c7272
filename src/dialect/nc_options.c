/* nc's command line. getopt(3) reads it, as it does for the original: letters in bundles, options
 * behind words, its messages.
 */
#include <limits.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "dialect/nc.h"
#include "dialect/nc_number.h"

static const char usage_text[] =
    "usage: nc [-46CDdFhklNnrStUuvZz] [-I length] [-i interval] [-M ttl]\n"
    "\t  [-m minttl] [-O length] [-P proxy_username] [-p source_port]\n"
    "\t  [-q seconds] [-s sourceaddr] [-T keyword] [-V rtable] [-W recvlimit]\n"
    "\t  [-w timeout] [-X proxy_protocol] [-x proxy_address[:port]]\n"
    "\t  [destination] [port]\n";

static const char help_text[] =
    "\tCommand Summary:\n"
    "\t\t-4\t\tUse IPv4\n"
    "\t\t-6\t\tUse IPv6\n"
    "\t\t-b\t\tAllow broadcast\n"
    "\t\t-C\t\tSend CRLF as line-ending\n"
    "\t\t-D\t\tEnable the debug socket option\n"
    "\t\t-d\t\tDetach from stdin\n"
    "\t\t-F\t\tPass socket fd\n"
    "\t\t-h\t\tThis help text\n"
    "\t\t-I length\tTCP receive buffer length\n"
    "\t\t-i interval\tDelay interval for lines sent, ports scanned\n"
    "\t\t-k\t\tKeep inbound sockets open for multiple connects\n"
    "\t\t-l\t\tListen mode, for inbound connects\n"
    "\t\t-M ttl\t\tOutgoing TTL / Hop Limit\n"
    "\t\t-m minttl\tMinimum incoming TTL / Hop Limit\n"
    "\t\t-N\t\tShutdown the network socket after EOF on stdin\n"
    "\t\t-n\t\tSuppress name/port resolutions\n"
    "\t\t-O length\tTCP send buffer length\n"
    "\t\t-P proxyuser\tUsername for proxy authentication\n"
    "\t\t-p port\t\tSpecify local port for remote connects\n"
    "\t\t-q secs\t\tquit after EOF on stdin and delay of secs\n"
    "\t\t-r\t\tRandomize remote ports\n"
    "\t\t-S\t\tEnable the TCP MD5 signature option\n"
    "\t\t-s sourceaddr\tLocal source address\n"
    "\t\t-T keyword\tTOS value\n"
    "\t\t-t\t\tAnswer TELNET negotiation\n"
    "\t\t-U\t\tUse UNIX domain socket\n"
    "\t\t-u\t\tUDP mode\n"
    "\t\t-V rtable\tSpecify alternate routing table\n"
    "\t\t-v\t\tVerbose\n"
    "\t\t-W recvlimit\tTerminate after receiving a number of packets\n"
    "\t\t-w timeout\tTimeout for connects and final net reads\n"
    "\t\t-X proto\tProxy protocol: \"4\", \"5\" (SOCKS) or \"connect\"\n"
    "\t\t-x addr[:port]\tSpecify proxy address and port\n"
    "\t\t-Z\t\tDCCP mode\n"
    "\t\t-z\t\tZero-I/O mode [used for scanning]\n"
    "\tPort numbers can be individual or ranges: lo-hi [inclusive]\n"
    "\tTLS, as OpenBSD's netcat has it:\n"
    "\t\t-c\t\tUse TLS\n"
    "\t\t-e name\t\tRequired name in peer certificate\n"
    "\t\t-H hash\t\tHash string of peer certificate\n"
    "\t\t-K keyfile\tPrivate key file\n"
    "\t\t-o staplefile\tStaple file\n"
    "\t\t-R CAfile\tCA bundle\n"
    "\t\t-T keyword\tnoverify, noname, clientcert, muststaple, ciphers=…,\n"
    "\t\t\t\tprotocols=…, certfile=… (elsewhere -C)\n";

static _Noreturn void usage(void)
{
    fputs(usage_text, stderr);
    exit(1);
}

/* The original helps on standard error, and says which one it is; this is another. */
static _Noreturn void help(void)
{
    fputs("berth " BERTH_VERSION ", as OpenBSD netcat (Debian patchlevel 1.219-1)\n", stderr);
    fputs(usage_text, stderr);
    fputs(help_text, stderr);
    exit(0);
}

static long long number(const char *word, long long min, long long max, const char *what)
{
    long long n;
    const char *fault = nc_number(word, min, max, &n);

    if (fault)
        nc_die("%s %s: %s", what, fault, word);
    return n;
}

/* These two don't quote what they can't read. */
static int hops(const char *word, const char *what)
{
    long long n;
    const char *fault = nc_number(word, 0, 255, &n);

    if (fault)
        nc_die("%s is %s", what, fault);
    return (int)n;
}

static const struct {
    const char *name;
    int value;
} tos_names[] = {
    {"af11", 0x28},
    {"af12", 0x30},
    {"af13", 0x38},
    {"af21", 0x48},
    {"af22", 0x50},
    {"af23", 0x58},
    {"af31", 0x68},
    {"af32", 0x70},
    {"af33", 0x78},
    {"af41", 0x88},
    {"af42", 0x90},
    {"af43", 0x98},
    {"critical", 0xa0},
    {"cs0", 0},
    {"cs1", 0x20},
    {"cs2", 0x40},
    {"cs3", 0x60},
    {"cs4", 0x80},
    {"cs5", 0xa0},
    {"cs6", 0xc0},
    {"cs7", 0xe0},
    {"ef", 0xb8},
    {"inetcontrol", 0xc0},
    {"lowcost", IPTOS_LOWCOST},
    {"lowdelay", IPTOS_LOWDELAY},
    {"netcontrol", 0xe0},
    {"reliability", IPTOS_RELIABILITY},
    {"throughput", IPTOS_THROUGHPUT},
};

static int tos(const char *word)
{
    char *end;

    for (size_t i = 0; i < sizeof(tos_names) / sizeof(*tos_names); i++)
        if (!strcmp(tos_names[i].name, word))
            return tos_names[i].value;
    bool hex = !strncmp(word, "0x", 2); /* without digits behind it is 0 */
    long n = strtol(hex ? word + 2 : word, &end, hex ? 16 : 10);
    if (end == word || *end || n < 0 || n > 255)
        nc_die("illegal tos value %s", word);
    return (int)n;
}

static void proxy_kind(struct nc *n, const char *word)
{
    if (!strcasecmp(word, "connect"))
        n->proxy_kind = NC_CONNECT;
    else if (!strcmp(word, "4"))
        n->proxy_kind = NC_SOCKS4;
    else if (!strcmp(word, "5"))
        n->proxy_kind = NC_SOCKS5;
    else
        nc_die("unsupported proxy protocol");
}

static void ask_md5_key(struct nc *n)
{
    free(n->md5_key);
    n->md5_key = nc_ask_secret("TCP MD5SIG password: ");
    if (!n->md5_key)
        nc_die("Unable to read TCP MD5SIG password");
}

/* -T is the traffic class as well as TLS. */
static void keyword(struct nc *n, const char *word)
{
    if (!nc_tls_keyword(&n->tls, word))
        n->tos = tos(word);
}

static bool *flag(struct nc *n, int letter)
{
    switch (letter) {
    case 'b':
        return &n->broadcast;
    case 'C':
        return &n->crlf;
    case 'c':
        return &n->tls.on;
    case 'D':
        return &n->debug;
    case 'd':
        return &n->no_input;
    case 'F':
        return &n->pass_fd;
    case 'k':
        return &n->keep;
    case 'l':
        return &n->listen;
    case 'N':
        return &n->half_close;
    case 'n':
        return &n->numeric;
    case 'r':
        return &n->random;
    case 't':
        return &n->telnet;
    case 'u':
        return &n->udp;
    case 'v':
        return &n->verbose;
    case 'Z':
        return &n->dccp;
    case 'z':
        return &n->zero;
    default:
        return NULL;
    }
}

static void one(struct nc *n, int letter)
{
    enum { WINDOW_MAX = 65536 << 14 };

    switch (letter) {
    case '4':
        n->family = AF_INET;
        break;
    case '6':
        n->family = AF_INET6;
        break;
    case 'U':
        n->family = AF_UNIX;
        break;
    case 'e':
        n->tls.name = optarg;
        break;
    case 'H':
        n->tls.hash = optarg;
        break;
    case 'h':
        help();
    case 'I':
        n->rcvbuf = (int)number(optarg, 1, WINDOW_MAX, "TCP receive window");
        break;
    case 'i':
        n->interval_s = (unsigned)number(optarg, 0, UINT_MAX, "interval");
        break;
    case 'K':
        n->tls.key = optarg;
        break;
    case 'M':
        n->ttl = hops(optarg, "ttl");
        break;
    case 'm':
        n->min_ttl = hops(optarg, "minttl");
        break;
    case 'O':
        n->sndbuf = (int)number(optarg, 1, WINDOW_MAX, "TCP send window");
        break;
    case 'o':
        n->tls.staple = optarg;
        break;
    case 'P':
        n->proxy_user = optarg;
        break;
    case 'p':
        n->source_port = optarg;
        break;
    case 'q':
        n->quit_s = (int)number(optarg, INT_MIN, INT_MAX, "quit timer");
        break;
    case 'R':
        n->tls.authorities = optarg;
        break;
    case 'S':
        ask_md5_key(n);
        break;
    case 's':
        n->source = optarg;
        break;
    case 'T':
        keyword(n, optarg);
        break;
    case 'V':
        nc_die("no alternate routing table support available");
    case 'W':
        n->reads = (uint64_t)number(optarg, 1, INT_MAX, "receive limit");
        break;
    case 'w':
        n->timeout_ms = (int)number(optarg, 0, INT_MAX / 1000, "timeout") * 1000;
        break;
    case 'X':
        proxy_kind(n, optarg);
        break;
    case 'x':
        n->proxy = optarg;
        break;
    default:
        if (flag(n, letter))
            *flag(n, letter) = true;
        else
            usage();
    }
}

/* What stands behind the options: [host] [port…], less for a listener or a UNIX socket. */
static void read_words(struct nc *n, int argc, char **argv)
{
    bool is_unix = n->family == AF_UNIX;

    if (argc == 0 && n->listen) {
        n->host = n->source;
        if (n->source_port)
            n->ports = (char *const *)&n->source_port;
    } else if (argc == 1 && n->listen && !is_unix && !n->source && !n->source_port) {
        n->ports = argv;
    } else if (argc == 1 && !n->source_port && !(n->source && !(is_unix && n->udp && !n->listen))) {
        n->host = argv[0];
    } else if (argc >= 2 && !(n->listen && (argc > 2 || n->source || n->source_port))) {
        n->host = argv[0];
        n->ports = argv + 1;
        n->n_ports = argc - 1;
        return;
    } else {
        usage();
    }
    n->n_ports = n->ports ? 1 : 0;
}

static void refuse(bool is, const char *words)
{
    if (is)
        nc_die("%s", words);
}

static void check(const struct nc *n)
{
    bool is_unix = n->family == AF_UNIX;

    refuse(n->listen && n->zero, "cannot use -z and -l");
    refuse(is_unix && n->dccp, "cannot use -Z and -U");
    refuse(is_unix && n->pass_fd, "cannot use -F and -U");
    refuse(is_unix && n->n_ports, "cannot use port with -U");
    refuse(is_unix && !n->host, "missing socket pathname");
    refuse(!is_unix && !n->n_ports, "missing port number");
    refuse(!n->listen && n->keep, "must use -l with -k");
    refuse(n->proxy && n->udp, "no proxy support for UDP mode");
    refuse(n->proxy && n->dccp, "no proxy support for DCCP mode");
    refuse(n->proxy && n->listen, "no proxy support for listen");
    refuse(n->proxy && is_unix, "no proxy support for unix sockets");
    refuse(n->proxy && n->source, "no proxy support for local source address");
    nc_tls_check(n);
}

/* Debian's, and of OpenBSD's for TLS those that Debian leaves free. */
static const char letters[] = "46bCDdFhI:i:klM:m:NnO:P:p:q:rSs:T:tUuV:vW:w:X:x:Zz"
                              "ce:H:K:o:R:";

void nc_read(struct nc *n, int argc, char **argv)
{
    int letter;

    optind = 0;
    while ((letter = getopt(argc, argv, letters)) != -1)
        one(n, letter);
    read_words(n, argc - optind, argv + optind);
    check(n);
    n->half_close = n->half_close || n->quit_s >= 0;
}
