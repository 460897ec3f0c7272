/* What lsof tells of itself: on stderr, all of it, as the original does. */
#include <stdio.h>

#include "dialect/lsof.h"

static const char head[] =
    "lsof 4.95.0\n"
    " latest revision: https://github.com/lsof-org/lsof\n"
    " latest FAQ: https://github.com/lsof-org/lsof/blob/master/00FAQ\n"
    " latest (non-formatted) man page: https://github.com/lsof-org/lsof/blob/master/Lsof.8\n"
    " usage: [-?abhKlnNoOPRtUvVX] [+|-c c] [+|-d s] [+D D] [+|-E] [+|-e s] [+|-f[gG]]\n"
    " [-F [f]] [-g [s]] [-i [i]] [+|-L [l]] [+m [m]] [+|-M] [-o [o]] [-p s]\n"
    " [+|-r [t]] [-s [p:s]] [-S [t]] [-T [t]] [-u s] [+|-w] [-x [fl]] [--] [names]\n";

void lsof_usage(void)
{
    fputs(head, stderr);
    fputs("Use the ``-h'' option to get more help information.\n", stderr);
}

static const char help[] =
    "lsof as berth speaks it: sockets alone, of the command lines of lsof 4.95.0\n"
    " usage: [-?abhjJlnNoOPQRtUvV] [+|-c c] [-d s] [+|-E] [+|-f[gG]] [-F [f]] [-g [s]]\n"
    " [-i [i]] [-p s] [+|-r [t]] [-s [p:s]] [-T [t]] [-u s] [+|-w] [--] [names]\n"
    "Defaults in parentheses; comma-separated set (s) items; dash-separated ranges.\n"
    "  -?|-h list help          -a AND selections (OR)     -c c  cmd c ^c /c/[bix]\n"
    "  +c w  COMMAND width (9)  -d s  select by FD set     -i select IPv[46] sockets\n"
    "  -j one JSON object/line  -J one JSON object         -l list UID numbers\n"
    "  -n no host names         -o list file offset        -P no port names\n"
    "  -Q allow failed search   -R list paRent PID         -s list file size\n"
    "  -t terse listing         -T disable TCP/TPI info    -U select Unix socket\n"
    "  -v list version info     -V verbose search          +|-w  Warnings (+)\n"
    "  -E display endpoint info +E display endpoint info and files\n"
    "  +f[gG] flaGs             -F [f] select fields; -F? for help\n"
    "  -p s   exclude(^)|select PIDs\n"
    "  -T fqsw TCP/TPI Fl,Q,St,Win (s) info\n"
    "  -g [s] exclude(^)|select and print process group IDs\n"
    "  -i i   select by IPv[46] address: [46][proto][@host|addr][:svc_list|port_list]\n"
    "  +|-r [t[c<N>][m<fmt>]] repeat every t seconds (15);  + until no files, - forever.\n"
    "  -s p:s  exclude(^)|select protocol (p = TCP) states by name(s).\n"
    "  -u s   exclude(^)|select login|UID set s\n"
    "  names  select named UNIX sockets\n"
    "Everything else: berth-lsof(1), lsof(8).\n";

void lsof_help(void)
{
    fputs(help, stderr);
}

static const char fields_help[] = "lsof:\tID    field description\n"
                                  "\t a    access: r = read; w = write; u = read/write\n"
                                  "\t c    command name\n"
                                  "\t d    device character code\n"
                                  "\t D    major/minor device number as 0x<hex>\n"
                                  "\t f    file descriptor\n"
                                  "\t G    file flaGs\n"
                                  "\t i    inode number\n"
                                  "\t k    link count\n"
                                  "\t K    task ID (TID)\n"
                                  "\t l    lock: r/R = read; w/W = write; u = read/write\n"
                                  "\t L    login name\n"
                                  "\t m    marker between repeated output\n"
                                  "\t M    task comMand name\n"
                                  "\t n    comment, name, Internet addresses\n"
                                  "\t o    file offset as 0t<dec> or 0x<hex>\n"
                                  "\t p    process ID (PID)\n"
                                  "\t g    process group ID (PGID)\n"
                                  "\t P    protocol name\n"
                                  "\t r    raw device number as 0x<hex>\n"
                                  "\t R    paRent PID\n"
                                  "\t s    file size\n"
                                  "\t S    stream module and device names\n"
                                  "\t t    file type\n"
                                  "\t T    TCP/TPI info\n"
                                  "\t u    user ID (UID)\n"
                                  "\t 0    (zero) use NUL field terminator instead of NL\n";

void lsof_fields_help(void)
{
    fputs(fields_help, stderr);
}

void lsof_version(void)
{
    fputs("lsof version information:\n"
          "    revision: 4.95.0, as berth " BERTH_VERSION " speaks it\n"
          "    lists: sockets alone\n"
          "    added: -J and -j, as lsof 4.99 has them; -T f and w, as on other systems\n",
          stderr);
}
