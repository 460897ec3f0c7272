#include <errno.h>

#include "base/err.h"
#include "kernel/diag.h"

int diag_read_file(const char *path, const struct source_query *q, source_sink *sink, void *ctx,
                   struct source_report *report, struct err *e)
{
    (void)q, (void)sink, (void)ctx, (void)report;
    return err_set(e, ENOSYS, "read the dump", path, NULL);
}

int diag_destroy(const struct net_socket *s, struct err *e)
{
    (void)s;
    return err_set(e, ENOSYS, "close a connection of", "the port", NULL);
}
