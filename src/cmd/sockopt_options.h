/* Socket options on the command line, for every command that opens sockets.
 *
 * A command puts a struct sockopt_arguments named `options` into its arguments and SOCKOPT_OPTIONS
 * into its option table; sockopt_options_read turns what was given into a struct sockopt_set.
 */
#pragma once
#include <stdbool.h>

#include "base/vec.h"
#include "cli/command.h"
#include "net/sockopt.h"

enum sockopt_flag { SOCKOPT_FLAG_NOT_GIVEN, SOCKOPT_FLAG_ON, SOCKOPT_FLAG_OFF };

struct sockopt_arguments {
    int flags[SOCKOPTS];         /* enum sockopt_flag, of those that are SOCKOPT_BOOL */
    const char *words[SOCKOPTS]; /* of the others; NULL: not given */
    struct vec groups;           /* const char *, of --multicast-join */
    bool mptcp;                  /* no socket option but a protocol: IPPROTO_MPTCP */
};

/* Checks the words, and asks for the devices of groups. 0, or EXIT_USAGE after a message. */
int sockopt_options_read(const struct command *c, const struct sockopt_arguments *a,
                         struct sockopt_set *ret);

#define SOCKOPT_FLAG(arguments, option, is, word, text)                                     \
    {                                                                                       \
        .name = (word), .field = offsetof(arguments, options.flags[option]), .value = (is), \
        .help = (text)                                                                      \
    }
#define SOCKOPT_WORD(arguments, option, word, meta, text)                                         \
    {                                                                                             \
        .name = (word), .type = OPTION_TEXT, .field = offsetof(arguments, options.words[option]), \
        .metavar = (meta), .help = (text)                                                         \
    }

/* Rows of an option table. The first row of each group bears its heading. */
#define SOCKOPT_OPTIONS(arguments)                                                                 \
    {.name = "reuseaddr",                                                                          \
     .field = offsetof(arguments, options.flags[SOCKOPT_REUSEADDR]),                               \
     .value = SOCKOPT_FLAG_ON,                                                                     \
     .group = "Binding",                                                                           \
     .help = "a port that only closed connections still have may be taken (usual for listeners)"}, \
        SOCKOPT_FLAG(arguments, SOCKOPT_REUSEADDR, SOCKOPT_FLAG_OFF, "no-reuseaddr",               \
                     "not while closed connections still have the port"),                          \
        SOCKOPT_FLAG(arguments, SOCKOPT_REUSEPORT, SOCKOPT_FLAG_ON, "reuseport",                   \
                     "share the port with others of the same user who do so"),                     \
        SOCKOPT_FLAG(arguments, SOCKOPT_V6ONLY, SOCKOPT_FLAG_ON, "v6only",                         \
                     "an IPv6 socket takes no IPv4"),                                              \
        SOCKOPT_FLAG(arguments, SOCKOPT_V6ONLY, SOCKOPT_FLAG_OFF, "no-v6only",                     \
                     "an IPv6 wildcard takes IPv4 too, whatever net.ipv6.bindv6only says"),        \
        {.name = "device",                                                                         \
         .type = OPTION_TEXT,                                                                      \
         .field = offsetof(arguments, options.words[SOCKOPT_DEVICE]),                              \
         .metavar = "DEVICE",                                                                      \
         .completes = "device",                                                                    \
         .help = "only through this device"},                                                      \
        SOCKOPT_FLAG(arguments, SOCKOPT_FREEBIND, SOCKOPT_FLAG_ON, "freebind",                     \
                     "bind to an address that this host doesn't have yet"),                        \
        SOCKOPT_FLAG(arguments, SOCKOPT_TRANSPARENT, SOCKOPT_FLAG_ON, "transparent",               \
                     "bind to any address, for a transparent proxy (CAP_NET_ADMIN)"),              \
        {.name = "ttl",                                                                            \
         .type = OPTION_TEXT,                                                                      \
         .field = offsetof(arguments, options.words[SOCKOPT_TTL]),                                 \
         .metavar = "N",                                                                           \
         .group = "Packets",                                                                       \
         .help = "time to live, and hop limit of IPv6: 1 to 255"},                                 \
        SOCKOPT_WORD(arguments, SOCKOPT_DSCP, "dscp", "CLASS",                                     \
                     "code point of the packets: 0 to 63, ef, af41, cs1, le …"),                   \
        SOCKOPT_WORD(arguments, SOCKOPT_TOS, "tos", "BYTE",                                        \
                     "the same as the whole byte: 0 to 255, or a name; also lowdelay …"),          \
        SOCKOPT_WORD(arguments, SOCKOPT_PRIORITY, "priority", "N",                                 \
                     "priority in the queues of devices; above 6 takes CAP_NET_ADMIN"),            \
        SOCKOPT_WORD(arguments, SOCKOPT_MARK, "mark", "N",                                         \
                     "mark for routing rules and the firewall (CAP_NET_ADMIN)"),                   \
        SOCKOPT_FLAG(arguments, SOCKOPT_BROADCAST, SOCKOPT_FLAG_ON, "broadcast",                   \
                     "UDP: may be sent to a broadcast address"),                                   \
        {.name = "multicast-join",                                                                 \
         .type = OPTION_TEXTS,                                                                     \
         .field = offsetof(arguments, options.groups),                                             \
         .metavar = "GROUP[%DEVICE]",                                                              \
         .help = "UDP: hear a multicast group; may be given several times"},                       \
        SOCKOPT_WORD(arguments, SOCKOPT_MULTICAST_TTL, "multicast-ttl", "N",                       \
                     "UDP: time to live and hop limit towards groups: 0 to 255"),                  \
        SOCKOPT_FLAG(arguments, SOCKOPT_MULTICAST_LOOP, SOCKOPT_FLAG_OFF, "no-multicast-loop",     \
                     "UDP: what goes to a group isn't heard on this host"),                        \
        {.name = "nodelay",                                                                        \
         .field = offsetof(arguments, options.flags[SOCKOPT_NODELAY]),                             \
         .value = SOCKOPT_FLAG_ON,                                                                 \
         .group = "TCP",                                                                           \
         .help = "send small segments at once"},                                                   \
        SOCKOPT_FLAG(arguments, SOCKOPT_NODELAY, SOCKOPT_FLAG_OFF, "no-nodelay",                   \
                     "gather small segments (Nagle), even where berth wouldn't"),                  \
        SOCKOPT_FLAG(arguments, SOCKOPT_QUICKACK, SOCKOPT_FLAG_ON, "quickack",                     \
                     "acknowledge at once, at the start"),                                         \
        SOCKOPT_FLAG(arguments, SOCKOPT_KEEPALIVE, SOCKOPT_FLAG_ON, "keepalive",                   \
                     "probe a silent peer"),                                                       \
        SOCKOPT_WORD(arguments, SOCKOPT_KEEPALIVE_IDLE, "keepalive-idle", "TIME",                  \
                     "silence before the first probe; implies --keepalive"),                       \
        SOCKOPT_WORD(arguments, SOCKOPT_KEEPALIVE_INTERVAL, "keepalive-interval", "TIME",          \
                     "between probes; implies --keepalive"),                                       \
        SOCKOPT_WORD(arguments, SOCKOPT_KEEPALIVE_COUNT, "keepalive-count", "N",                   \
                     "probes without an answer that end it; implies --keepalive"),                 \
        SOCKOPT_WORD(arguments, SOCKOPT_USER_TIMEOUT, "user-timeout", "TIME",                      \
                     "how long sent data may stay unacknowledged"),                                \
        SOCKOPT_WORD(arguments, SOCKOPT_LINGER, "linger", "TIME",                                  \
                     "closing waits so long for data under way; 0 resets the connection"),         \
        {.name = "fastopen",                                                                       \
         .type = OPTION_TEXT,                                                                      \
         .field = offsetof(arguments, options.words[SOCKOPT_FASTOPEN]),                            \
         .metavar = "N",                                                                           \
         .optional = true,                                                                         \
         .help = "TCP Fast Open; a listener holds N such connections (256)"},                      \
        SOCKOPT_WORD(arguments, SOCKOPT_CONGESTION, "congestion", "NAME",                          \
                     "congestion control: cubic, reno, bbr …, as the kernel has it"),              \
        SOCKOPT_WORD(arguments, SOCKOPT_MAXSEG, "maxseg", "BYTES", "longest segment"),             \
        {.name = "mptcp",                                                                          \
         .field = offsetof(arguments, options.mptcp),                                              \
         .help = "Multipath TCP, where the peer has it too"},                                      \
        {.name = "rcvbuf",                                                                         \
         .type = OPTION_TEXT,                                                                      \
         .field = offsetof(arguments, options.words[SOCKOPT_RCVBUF]),                              \
         .metavar = "SIZE",                                                                        \
         .group = "Buffers",                                                                       \
         .help = "receive buffer; the kernel doubles it and no longer fits it to the path"},       \
        SOCKOPT_WORD(arguments, SOCKOPT_SNDBUF, "sndbuf", "SIZE", "send buffer, likewise"),
