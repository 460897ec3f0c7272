#include "names/reverse.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/thread.h"
#include "names/services.h"
#include "names/sockaddr.h"

enum { ADDRESSES_MAX = 1 << 16 };

/* An address that was asked about. */
struct question {
    struct net_addr addr;
    struct question *next; /* in its queue */
    char *name;            /* set once; NULL: none (yet) */
};

struct queue {
    struct question *first, *last;
};

/* Loopback's names stand in the hosts file and come at once, unless each thread hangs in a question
 * to a name server. So they have a queue of their own, and a thread that serves no other. */
struct reverse {
    struct reverse_library library;
    pthread_mutex_t lock;   /* of all below */
    pthread_cond_t changed; /* something to do, to take, or it's over */
    void *questions;        /* tsearch(3): struct question by address */
    size_t n_questions;
    struct queue near, far;
    struct vec services;
    struct hash by_port;  /* of services: port and protocol -> index + 1 */
    size_t open;          /* questions without an answer; the services are one */
    bool services_wanted; /* no thread has gone for them yet */
    bool over;            /* no answer is taken any more */
    unsigned holders;     /* the owner and the threads: the last one frees it */
};

static int ask_host(void *ctx, const struct net_addr *a, char *ret, size_t size)
{
    (void)ctx;
    struct sockaddr_storage address;
    socklen_t n = sockaddr_from(&address, a, 0);
    int r = getnameinfo((struct sockaddr *)&address, n, ret, (socklen_t)size, NULL, 0, NI_NAMEREQD);
    return r == 0 ? 0 : -ENOENT;
}

static int ask_services(void *ctx, struct vec *ret)
{
    (void)ctx;
    return services_in_range(0, UINT16_MAX, NULL, ret);
}

static const struct reverse_library c_library = {.host = ask_host, .services = ask_services};

/* Questions */

static int compare(const void *a, const void *b)
{
    const struct question *x = a, *y = b;
    return net_addr_compare(&x->addr, &y->addr);
}

static struct net_addr plain(const struct net_addr *a)
{
    struct net_addr address = net_addr_unmap(a);
    address.scope = 0;
    return address;
}

static struct question *find(struct reverse *r, const struct net_addr *a)
{
    struct question like = {.addr = plain(a)};
    struct question **found = tfind(&like, &r->questions, compare);
    return found ? *found : NULL;
}

static void question_free(void *question)
{
    struct question *q = question;
    free(q->name);
    free(q);
}

static void queue_add(struct queue *queue, struct question *q)
{
    if (queue->last)
        queue->last->next = q;
    else
        queue->first = q;
    queue->last = q;
}

static struct question *queue_take(struct queue *queue)
{
    struct question *q = queue->first;
    if (q) {
        queue->first = q->next;
        if (!q->next)
            queue->last = NULL;
    }
    return q;
}

static int add(struct reverse *r, const struct net_addr *a)
{
    struct question *q = malloc(sizeof *q);
    if (!q)
        return -ENOMEM;
    *q = (struct question){.addr = plain(a)};
    if (!tsearch(q, &r->questions, compare)) {
        free(q);
        return -ENOMEM;
    }
    queue_add(net_addr_is_loopback(&q->addr) ? &r->near : &r->far, q);
    r->n_questions++;
    r->open++;
    pthread_cond_broadcast(&r->changed);
    return 0;
}

int reverse_ask(struct reverse *r, const struct net_addr *a)
{
    if (net_addr_is_wildcard(a))
        return 0;
    pthread_mutex_lock(&r->lock);
    bool fresh = !r->over && r->n_questions < ADDRESSES_MAX && !find(r, a);
    int result = fresh ? add(r, a) : 0;
    pthread_mutex_unlock(&r->lock);
    return result;
}

const char *reverse_host(struct reverse *r, const struct net_addr *a)
{
    pthread_mutex_lock(&r->lock);
    const struct question *q = find(r, a);
    const char *name = q ? q->name : NULL;
    pthread_mutex_unlock(&r->lock);
    return name;
}

/* Services */

static const char *const protocols[] = {"tcp", "udp", "sctp", "dccp"};

/* -1: a protocol whose ports aren't shown by name. */
static int64_t service_key(uint16_t port, const char *protocol)
{
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (strcmp(protocols[i], protocol) == 0)
            return (int64_t)(i << 16 | port);
    return -1;
}

/* As getservbyport(3), the first entry of a port counts. */
static void index_services(const struct vec *services, struct hash *ret)
{
    for (size_t i = 0; i < services->len; i++) {
        const struct service *s = vec_at(services, i);
        int64_t key = service_key(s->port, s->protocol);
        uint64_t *index = key < 0 ? NULL : hash_put(ret, (uint64_t)key, NULL);
        if (index && *index == 0)
            *index = i + 1;
    }
}

const char *reverse_service(struct reverse *r, uint16_t port, const char *protocol)
{
    int64_t key = service_key(port, protocol);
    if (key < 0)
        return NULL;
    pthread_mutex_lock(&r->lock);
    uint64_t *index = hash_get(&r->by_port, (uint64_t)key);
    const struct service *s = index ? vec_at(&r->services, *index - 1) : NULL;
    pthread_mutex_unlock(&r->lock);
    return s ? s->name : NULL;
}

/* The threads. Each function is called with the lock held, and gives it up while it asks. */

static void answered(struct reverse *r)
{
    r->open--;
    pthread_cond_broadcast(&r->changed);
}

static void get_services(struct reverse *r)
{
    struct vec services = VEC_INIT(struct service);
    struct hash by_port = {0};
    r->services_wanted = false;
    pthread_mutex_unlock(&r->lock);
    (void)r->library.services(r->library.ctx, &services); /* what it could read counts */
    index_services(&services, &by_port);
    pthread_mutex_lock(&r->lock);
    if (r->over) {
        services_free(&services);
        hash_free(&by_port);
    } else {
        r->services = services;
        r->by_port = by_port;
    }
    answered(r);
}

/* Whoever has "10.0.0.1" for a name would be taken for another. */
static bool is_fit(const char *name)
{
    struct net_addr address;
    const char *device;
    return *name && net_addr_parse(name, &address, &device) < 0;
}

static void get_host(struct reverse *r, struct question *q)
{
    char name[NI_MAXHOST] = "";
    pthread_mutex_unlock(&r->lock);
    int found = r->library.host(r->library.ctx, &q->addr, name, sizeof name);
    pthread_mutex_lock(&r->lock);
    if (found == 0 && is_fit(name) && !r->over)
        q->name = strdup(name);
    answered(r);
}

static void let_go(struct reverse *r)
{
    bool last = --r->holders == 0;
    pthread_mutex_unlock(&r->lock);
    if (!last)
        return;
    tdestroy(r->questions, question_free);
    services_free(&r->services);
    hash_free(&r->by_port);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static void serve(struct reverse *r, bool all)
{
    pthread_mutex_lock(&r->lock);
    while (!r->over) {
        struct question *q = NULL;
        if (r->services_wanted)
            get_services(r);
        else if ((q = queue_take(&r->near)) || (all && (q = queue_take(&r->far))))
            get_host(r, q);
        else
            pthread_cond_wait(&r->changed, &r->lock);
    }
    let_go(r);
}

static void *serve_all(void *r)
{
    serve(r, true);
    return NULL;
}

static void *serve_near(void *r)
{
    serve(r, false);
    return NULL;
}

static int start_thread(struct reverse *r, void *(*body)(void *))
{
    pthread_mutex_lock(&r->lock);
    int result = thread_leave(body, r);
    r->holders += result == 0;
    pthread_mutex_unlock(&r->lock);
    return result;
}

int reverse_new(const struct reverse_library *library, struct reverse **ret)
{
    struct reverse *r = calloc(1, sizeof *r);
    pthread_condattr_t clock;
    if (!r)
        return -ENOMEM;
    *r = (struct reverse){
        .library = library ? *library : c_library,
        .services = VEC_INIT(struct service),
        .services_wanted = true,
        .open = 1,
        .holders = 1,
    };
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&r->changed, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&r->lock, NULL);

    int result = start_thread(r, serve_near);
    for (int i = 1; i < REVERSE_THREADS && result == 0; i++)
        result = start_thread(r, serve_all);
    if (result < 0) {
        reverse_free(r);
        return result;
    }
    *ret = r;
    return 0;
}

/* Nothing more is wanted: threads that wait end now, those that hang when they come back. */
static void finish(struct reverse *r)
{
    r->over = true;
    pthread_cond_broadcast(&r->changed);
}

void reverse_wait(struct reverse *r, uint64_t deadline_ns)
{
    const struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                                      .tv_nsec = (long)(deadline_ns % 1000000000)};
    pthread_mutex_lock(&r->lock);
    while (r->open && pthread_cond_timedwait(&r->changed, &r->lock, &deadline) == 0)
        ;
    finish(r);
    pthread_mutex_unlock(&r->lock);
}

void reverse_free(struct reverse *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    finish(r);
    let_go(r);
}
