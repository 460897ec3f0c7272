/* The socket, as OpenSSL sees it: a BIO that reads at once and may gather what is written.
 *
 * OpenSSL writes record by record, 16 KiB each. Several of them go out by one call, which on fast
 * links is half of what TLS costs. What didn't go out stays here; the plain bytes of a record count
 * as taken when the whole of it has gone, so whoever writes keeps what may still be lost to him,
 * and comes again with it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "modules/tls/impl.h"

/* Gathering */

static int gather(struct wire *w, const char *bytes, size_t n)
{
    if (w->out_n + n > w->out_size) {
        size_t size = w->out_n + n > WIRE_OUT ? w->out_n + n : WIRE_OUT;
        char *more = realloc(w->out, size);
        if (!more) {
            errno = ENOMEM;
            return -1;
        }
        w->out = more;
        w->out_size = size;
    }
    memcpy(w->out + w->out_n, bytes, n);
    w->out_n += n;
    return (int)n;
}

void wire_note_record(struct wire *w, size_t plain)
{
    w->records[w->n_records++] = (struct wire_record){.end = w->out_n, .plain = plain};
}

/* The records that have gone out. */
static void count_sent(struct wire *w)
{
    uint32_t n = 0;
    while (n < w->n_records && w->records[n].end <= w->out_at)
        w->due += w->records[n++].plain;
    w->n_records -= n;
    memmove(w->records, w->records + n, w->n_records * sizeof *w->records);
}

int wire_flush(struct wire *w)
{
    int result = 0;
    while (w->out_at < w->out_n && result == 0) {
        ssize_t put =
            send(w->fd, w->out + w->out_at, w->out_n - w->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put >= 0)
            w->out_at += (size_t)put;
        else if (errno != EINTR)
            result = -errno;
    }
    count_sent(w);
    if (w->out_at == w->out_n)
        w->out_at = w->out_n = 0;
    return result;
}

size_t wire_take_due(struct wire *w, size_t most)
{
    size_t n = w->due < most ? w->due : most;
    w->due -= n;
    return n;
}

void wire_rest(struct wire *w)
{
    if (w->out_n > 0)
        return;
    free(w->out);
    w->out = NULL;
    w->out_size = 0;
}

/* The BIO */

static int write_out(BIO *bio, const char *bytes, int n)
{
    struct wire *w = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (n <= 0)
        return 0;
    if (w->gathers || w->out_n > 0)
        return gather(w, bytes, (size_t)n);
    ssize_t put = send(w->fd, bytes, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)put;
}

static int read_in(BIO *bio, char *to, int n)
{
    struct wire *w = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (n <= 0)
        return 0;
    ssize_t got = recv(w->fd, to, (size_t)n, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    w->ended = w->ended || got == 0;
    return (int)got;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    const struct wire *w = BIO_get_data(bio);
    (void)number, (void)pointer;
    if (command == BIO_CTRL_EOF)
        return w->ended;
    return command == BIO_CTRL_FLUSH;
}

static int create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *wire_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "berth's socket");
    if (m && BIO_meth_set_write(m, write_out) == 1 && BIO_meth_set_read(m, read_in) == 1 &&
        BIO_meth_set_ctrl(m, control) == 1 && BIO_meth_set_create(m, create) == 1)
        return m;
    BIO_meth_free(m);
    return NULL;
}
