#include "cmd/lookup.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/thread.h"

/* A question and its answer, for the thread and the owner; whoever lets go last frees it. */
struct lookup_job {
    struct endpoint endpoint;
    struct targets_question question;
    struct vec targets;
    struct err error;
    int answered; /* eventfd(2): what the thread has written is there to be read */
    atomic_uint holders;
};

static struct lookup_job *new_job(const struct targets_question *q)
{
    struct lookup_job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->endpoint = *q->endpoint;
    job->question = *q;
    job->question.endpoint = &job->endpoint;
    job->answered = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_init(&job->holders, 1);
    return job;
}

static void let_go(struct lookup_job *job)
{
    if (atomic_fetch_sub(&job->holders, 1) > 1)
        return;
    vec_free(&job->targets);
    fd_close(&job->answered);
    free(job);
}

static void find(struct lookup_job *job)
{
    if (targets_find(&job->question, &job->targets, &job->error) < 0 && !job->error.code)
        err_set(&job->error, ENOMEM, "resolve", job->endpoint.name, NULL);
}

static void *find_in_thread(void *arg)
{
    struct lookup_job *job = arg;
    uint64_t one = 1;
    find(job);
    if (write(job->answered, &one, sizeof one) < 0)
        abort(); /* an eventfd that counts to one */
    let_go(job);
    return NULL;
}

static int start_thread(struct lookup_job *job)
{
    atomic_fetch_add(&job->holders, 1);
    int result = thread_leave(find_in_thread, job);
    if (result < 0)
        atomic_fetch_sub(&job->holders, 1);
    return result;
}

/* The owner's side */

void lookup_drop(struct loop *l, struct lookup *k)
{
    if (!k->job)
        return;
    loop_watch_stop(l, &k->watch);
    loop_timer_stop(l, &k->deadline);
    loop_turn_stop(l, &k->turn);
    let_go(k->job);
    k->job = NULL;
}

static void finish(struct loop *l, struct lookup *k)
{
    k->error = k->job->error;
    k->targets = k->job->targets;
    k->job->targets = VEC_INIT(struct target);
    lookup_drop(l, k);
    k->done(l, k);
}

static void answered(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct lookup *k = (struct lookup *)((char *)w - offsetof(struct lookup, watch));
    uint64_t one;
    (void)events;
    if (read(k->job->answered, &one, sizeof one) == (ssize_t)sizeof one)
        finish(l, k);
}

static void found(struct loop *l, struct loop_turn *t)
{
    finish(l, (struct lookup *)((char *)t - offsetof(struct lookup, turn)));
}

static void late(struct loop *l, struct loop_timer *t)
{
    struct lookup *k = (struct lookup *)((char *)t - offsetof(struct lookup, deadline));
    _cleanup_buf_ struct buf word = BUF_INIT(512);
    endpoint_format(&word, &k->job->endpoint);
    k->targets = VEC_INIT(struct target);
    err_word(&k->error, ETIMEDOUT, "resolve", buf_cstr(&word), "no answer in time");
    lookup_drop(l, k);
    k->done(l, k);
}

/* Whether somebody else has to be asked: for the host, or for the service. */
static bool asks(const struct endpoint *ep)
{
    return endpoint_has_port(ep->scheme) && (ep->host == ENDPOINT_NAME || ep->service[0]);
}

static int wait_for(struct loop *l, struct lookup *k, uint64_t deadline_ns)
{
    k->watch = (struct loop_watch){.ready = answered};
    int result = loop_watch_start(l, &k->watch, k->job->answered, EPOLLIN);
    if (result == 0 && deadline_ns)
        result = loop_timer_set(l, &k->deadline, deadline_ns);
    return result;
}

int lookup_start(struct loop *l, struct lookup *k, const struct targets_question *q,
                 uint64_t deadline_ns)
{
    k->turn = (struct loop_turn){.run = found};
    k->deadline = (struct loop_timer){.fire = late};
    k->watch = (struct loop_watch){.fd = -1};
    k->job = new_job(q);
    if (!k->job)
        return -ENOMEM;
    int result = 0;
    /* Without a descriptor or a thread the answer has to be waited for. */
    if (!asks(q->endpoint) || k->job->answered < 0 || start_thread(k->job) < 0) {
        find(k->job);
        loop_turn_add(l, &k->turn);
    } else {
        result = wait_for(l, k, deadline_ns);
    }
    if (result < 0)
        lookup_drop(l, k);
    return result;
}
