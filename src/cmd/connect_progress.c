#include "cmd/connect_progress.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/time.h"

enum { EVERY_MS = 500, NS_PER_MS = 1000000 };

void progress_put_bytes(struct buf *out, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (; bytes >= 1024 && unit < 4; unit++)
        bytes /= 1024;
    buf_printf(out, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

void progress_put_line(struct buf *out, const struct progress *p, uint64_t sent, uint64_t received,
                       uint64_t now_ns)
{
    progress_put_bytes(out, (double)sent);
    if (p->size) {
        buf_str(out, " of ");
        progress_put_bytes(out, (double)p->size);
    }
    buf_str(out, " sent, ");
    progress_put_bytes(out, (double)received);
    buf_str(out, " received, ");
    progress_put_bytes(out, p->rate);
    buf_str(out, "/s, ");
    if (p->size > sent && p->rate >= 1) {
        time_format_duration(out, (uint64_t)((double)(p->size - sent) / p->rate * 1e9));
        buf_str(out, " left");
    } else {
        time_format_duration(out, now_ns - p->began_ns);
    }
}

/* The newest half second counts a third. */
static void measure(struct progress *p, uint64_t bytes, uint64_t now_ns)
{
    double since = (double)(now_ns - p->last_ns) / 1e9;
    if (since <= 0)
        return;
    double rate = (double)(bytes - p->last_bytes) / since;
    p->rate = p->shown ? (2 * p->rate + rate) / 3 : rate;
    p->last_bytes = bytes;
    p->last_ns = now_ns;
}

static void show(struct progress *p)
{
    _cleanup_buf_ struct buf line = BUF_INIT(256);
    uint64_t now = time_monotonic_ns(), sent = p->pair->ab.bytes, received = p->pair->ba.bytes;
    measure(p, sent + received, now);
    progress_put_line(&line, p, sent, received, now);
    fprintf(stderr, "\r%s\33[K", buf_cstr(&line));
    p->shown = true;
}

static void fire(struct loop *l, struct loop_timer *t)
{
    struct progress *p = (struct progress *)((char *)t - offsetof(struct progress, timer));
    show(p);
    loop_timer_after(l, t, (uint64_t)EVERY_MS * NS_PER_MS);
}

void progress_start(struct loop *l, struct progress *p, const struct pair *pair, int input)
{
    struct stat st;
    uint64_t now = time_monotonic_ns();
    *p = (struct progress){.pair = pair, .began_ns = now, .last_ns = now, .timer.fire = fire};
    if (fstat(input, &st) == 0 && S_ISREG(st.st_mode))
        p->size = (uint64_t)st.st_size;
    if (isatty(STDERR_FILENO))
        loop_timer_after(l, &p->timer, (uint64_t)EVERY_MS * NS_PER_MS);
}

void progress_stop(struct loop *l, struct progress *p)
{
    if (!p->pair || !isatty(STDERR_FILENO))
        return;
    loop_timer_stop(l, &p->timer);
    p->rate = 0; /* the whole, now: its mean */
    p->shown = false;
    p->last_ns = p->began_ns;
    p->last_bytes = 0;
    show(p);
    fputc('\n', stderr);
}
