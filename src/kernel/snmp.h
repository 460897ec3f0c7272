/* The counters that the kernel keeps for a network namespace since it was made: what was dropped,
 * retransmitted, refused. Files of /proc/net: snmp, snmp6, netstat, sockstat, sockstat6.
 *
 * Names are those of nstat(8), the group before the counter: "TcpExtListenOverflows",
 * "Udp6InErrors"; the levels of sockstat, which rise and fall, are "sockstat.TCP.orphan". Negative
 * numbers (TcpMaxConn is -1 for "no limit") are left out.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum {
    SNMP_NAME_MAX = 64, /* with its NUL; longer names are passed over */
};

/* 0 to go on; anything else ends the reading and is returned. */
typedef int snmp_sink(void *ctx, const char *name, uint64_t value);

/* The text of one of the files; its form is found line by line. Lines that are none of these forms
 * are passed over. 0, or the sink's non-zero answer. */
int snmp_parse(const char *text, size_t n, snmp_sink *sink, void *ctx);

/* Those of the calling thread's namespace. A file that isn't there is passed over. 0, the sink's
 * non-zero answer, or a negative errno (-ENOENT: none of them is there). */
int snmp_read(snmp_sink *sink, void *ctx);
