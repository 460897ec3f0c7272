/* berth serve: a folder by HTTP.
 *
 * Only what the command line says is here: the site is put together, opened and told; src/flow
 * serves it.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/time.h"
#include "cmd/commands.h"
#include "cmd/confine.h"
#include "cmd/flow_events.h"
#include "cmd/serve_listen.h"
#include "cmd/tls_options.h"
#include "flow/http_listing.h"
#include "flow/http_server.h"
#include "flow/http_site.h"

struct serve_arguments {
    struct vec auth, indexes; /* const char * */
    const char *upload, *log;
    uint64_t upload_max, workers, max_clients;
    uint64_t grace_ns, idle_ns, header_ns;
    bool hidden, listing, spa, cors, quiet;
    struct tls_server_arguments tls;
    struct confine_arguments confine;
};

static const struct serve_arguments serve_defaults = {
    .upload_max = 1ull << 30,
    .workers = 1,
    .grace_ns = 5 * 1000000000ull,
    .idle_ns = 60 * 1000000000ull,
    .header_ns = 10 * 1000000000ull,
    .listing = true,
};

static const struct command_option serve_options[] = {
    {.name = "index",
     .type = OPTION_TEXTS,
     .field = offsetof(struct serve_arguments, indexes),
     .metavar = "NAME",
     .group = "What is served",
     .help = "a folder's own page, instead of index.html; may be given several times"},
    {.name = "listing",
     .field = offsetof(struct serve_arguments, listing),
     .negatable = true,
     .help = "show what a folder without such a page holds (usual)"},
    {.name = "hidden",
     .field = offsetof(struct serve_arguments, hidden),
     .help = "serve names that begin with a dot, too"},
    {.name = "spa",
     .field = offsetof(struct serve_arguments, spa),
     .help = "a path without a suffix that isn't there is the index page of DIR"},
    {.name = "cors",
     .field = offsetof(struct serve_arguments, cors),
     .help = "let pages of any origin read what is served"},
    {.name = "auth",
     .type = OPTION_TEXTS,
     .field = offsetof(struct serve_arguments, auth),
     .metavar = "USER:FILE",
     .group = "Who may ask",
     .help = "only with a password, the first line of FILE; may be given several times"},
    {.name = "max-clients",
     .type = OPTION_UINT,
     .field = offsetof(struct serve_arguments, max_clients),
     .max = UINT32_MAX,
     .metavar = "N",
     .help = "connections at once; others wait"},
    TLS_SERVER_OPTIONS(struct serve_arguments, tls,
                       "TLS"){.name = "upload",
                              .type = OPTION_TEXT,
                              .field = offsetof(struct serve_arguments, upload),
                              .metavar = "FOLDER",
                              .completes = "directory",
                              .group = "Uploads",
                              .help = "what clients PUT is kept below FOLDER"},
    {.name = "upload-max",
     .type = OPTION_SIZE,
     .field = offsetof(struct serve_arguments, upload_max),
     .metavar = "SIZE",
     .help = "the largest file that is taken (1G)"},
    {.name = "log",
     .type = OPTION_TEXT,
     .field = offsetof(struct serve_arguments, log),
     .metavar = "FILE",
     .completes = "file",
     .group = "Talk",
     .help = "append the access log to FILE, not to standard error; - is standard output"},
    {.name = "quiet",
     .letter = 'q',
     .field = offsetof(struct serve_arguments, quiet),
     .help = "no talk, and no access log but with --log"},
    {.name = "workers",
     .type = OPTION_UINT,
     .field = offsetof(struct serve_arguments, workers),
     .min = 1,
     .max = 256,
     .metavar = "N",
     .group = "Running",
     .help = "threads (1)"},
    {.name = "header-timeout",
     .type = OPTION_DURATION,
     .field = offsetof(struct serve_arguments, header_ns),
     .metavar = "TIME",
     .help = "how long the head of a request may take (10s)"},
    {.name = "idle-timeout",
     .type = OPTION_DURATION,
     .field = offsetof(struct serve_arguments, idle_ns),
     .metavar = "TIME",
     .help = "how long a client may do nothing (60s)"},
    {.name = "grace",
     .type = OPTION_DURATION,
     .field = offsetof(struct serve_arguments, grace_ns),
     .metavar = "TIME",
     .help = "how long requests under way may last after Ctrl-C (5s)"},
    CONFINE_OPTIONS(struct serve_arguments){0},
};

/* One run of the command. */
struct serving {
    const struct serve_arguments *arguments;
    const char *folder;
    struct flow_events events; /* what is told before anybody is served */
    struct serve_where where;
    struct http_site site;
    struct serve_places places;
    struct http_server server;
};

static int fail(const struct err *e)
{
    err_print(e, stderr);
    return e->code == EPERM || e->code == EACCES ? EXIT_PERMISSION : EXIT_NO;
}

static int fail_errno(int error, const char *op, const char *subject, const char *hint)
{
    struct err e;
    err_set(&e, error < 0 ? -error : error, op, subject, hint ? "%s" : NULL, hint);
    return fail(&e);
}

/* -- words -- */

static bool is_digits(const char *word)
{
    while (isdigit((unsigned char)*word))
        word++;
    return *word == '\0';
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* One word may be either: digits are a port, what is there is a folder, what has a colon is an
 * endpoint. */
static void read_words(struct serving *s, const struct command_words *words)
{
    const char *first = words->n > 0 ? words->words[0] : ".";
    s->folder = first;
    s->where.endpoint = words->n > 1 ? words->words[1] : "8000";
    if (words->n == 1 && *first &&
        (is_digits(first) || (!is_folder(first) && strchr(first, ':')))) {
        s->folder = ".";
        s->where.endpoint = first;
    }
}

/* -- the site -- */

static int read_password(const char *path, struct buf *ret)
{
    int r = fd_read_file(AT_FDCWD, path, ret);
    if (r < 0)
        return r;
    const char *end = ret->len ? memchr(ret->data, '\n', ret->len) : NULL;
    ret->len = end ? (size_t)(end - ret->data) : ret->len;
    if (ret->len > 0 && ret->data[ret->len - 1] == '\r')
        ret->len--;
    return ret->len > 0 && !memchr(ret->data, '\0', ret->len) ? 0 : -ENODATA;
}

/* "USER:FILE" */
static int add_user(struct serving *s, const char *word)
{
    _cleanup_buf_ struct buf password = BUF_INIT(1 << 16);
    _cleanup_buf_ struct buf name = BUF_INIT(1024);
    const char *colon = strchr(word, ':');
    if (!colon || colon == word || !colon[1])
        return command_usage_error(&command_serve, "--auth wants USER:FILE, not '%s'", word);
    int r = read_password(colon + 1, &password);
    if (r == -ENODATA)
        return fail_errno(EINVAL, "take a password from", colon + 1, "its first line is empty");
    if (r < 0)
        return fail_errno(r, "take a password from", colon + 1, NULL);
    buf_add(&name, word, (size_t)(colon - word));
    r = http_auth_add(&s->site.auth, buf_cstr(&name), buf_cstr(&password));
    explicit_bzero(password.data, password.len);
    return r < 0 ? fail_errno(r, "take the user", buf_cstr(&name), NULL) : 0;
}

static int read_indexes(struct serving *s)
{
    const struct vec *names = &s->arguments->indexes;
    s->site.indexes[0] = "index.html";
    s->site.indexes[1] = "index.htm";
    if (names->len >= HTTP_SITE_INDEXES)
        return command_usage_error(&command_serve, "--index may be given %d times",
                                   HTTP_SITE_INDEXES - 1);
    for (size_t i = 0; i < names->len; i++) {
        const char *name = *(const char **)vec_at(names, i);
        if (!*name || strchr(name, '/'))
            return command_usage_error(&command_serve, "--index wants a name, not '%s'", name);
        s->site.indexes[i] = name;
        s->site.indexes[i + 1] = NULL;
    }
    return 0;
}

static int open_folder(const char *path, const char *op, int *ret)
{
    *ret = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return *ret < 0 ? fail_errno(errno, op, path, NULL) : 0;
}

static int open_log(struct serving *s)
{
    const char *path = s->arguments->log;
    s->site.log_fd = s->arguments->quiet ? -1 : STDERR_FILENO;
    if (!path)
        return 0;
    s->site.log_fd = strcmp(path, "-") == 0
                         ? STDOUT_FILENO
                         : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
    return s->site.log_fd < 0 ? fail_errno(errno, "write the log to", path, NULL) : 0;
}

/* openat2(2) is what keeps requests within the folder: without it nothing is served. */
static int check_beneath(const struct serving *s)
{
    _cleanup_fd_ int fd = http_open_beneath(s->site.root_fd, "", O_RDONLY | O_DIRECTORY);
    if (fd == -ENOSYS || fd == -EPERM)
        return fail_errno(fd, "serve", s->folder,
                          "openat2 is missing here: Linux 5.6, or a sandbox that allows it");
    return fd < 0 ? fail_errno(fd, "serve", s->folder, NULL) : 0;
}

static int make_site(struct serving *s)
{
    const struct serve_arguments *a = s->arguments;
    s->site = (struct http_site){.root_fd = -1,
                                 .upload_fd = -1,
                                 .upload_max = a->upload_max,
                                 .hidden = a->hidden,
                                 .listing = a->listing,
                                 .spa = a->spa,
                                 .cors = a->cors,
                                 .auth = HTTP_AUTH_INIT,
                                 .header_timeout_ns = a->header_ns,
                                 .idle_timeout_ns = a->idle_ns,
                                 .log_fd = -1};
    http_types_init(&s->site.types);
    int status = read_indexes(s);
    if (!status)
        status = open_folder(s->folder, "serve", &s->site.root_fd);
    if (!status)
        status = check_beneath(s);
    if (!status && a->upload)
        status = open_folder(a->upload, "upload to", &s->site.upload_fd);
    for (size_t i = 0; !status && i < a->auth.len; i++)
        status = add_user(s, *(const char **)vec_at(&a->auth, i));
    if (!status)
        status = open_log(s);
    if (!status)
        http_types_load(&s->site.types);
    return status;
}

static void clear_site(struct http_site *site)
{
    tls_context_free(site->tls);
    http_types_free(&site->types);
    http_auth_free(&site->auth);
    fd_close(&site->root_fd);
    fd_close(&site->upload_fd);
    if (site->log_fd > STDERR_FILENO)
        fd_close(&site->log_fd);
}

/* -- running -- */

static void tell_starved(int error)
{
    err_tell("no new clients for now: %s", strerror(error));
}

static void tell_unshaken(const struct err *e)
{
    err_print(e, stderr);
}

static void tell_stopping(const struct http_server *server, unsigned clients)
{
    (void)server;
    if (clients > 0)
        err_tell("ending; Ctrl-C again ends at once");
}

static void tell_where(const struct serving *s)
{
    char *path = realpath(s->folder, NULL);
    if (!s->arguments->quiet)
        err_tell("serving %s", path ? path : s->folder);
    free(path);
    bool reached = serve_tell(&s->where, &s->places, s->arguments->quiet);
    if (reached && s->site.auth.users.len > 0 && !s->where.secure)
        err_tell("passwords cross the network in the clear");
}

static void tell_totals(const struct http_totals *t, uint64_t ns)
{
    _cleanup_buf_ struct buf bytes = BUF_INIT(64);
    _cleanup_buf_ struct buf time = BUF_INIT(64);
    http_format_size(&bytes, t->bytes);
    time_format_duration(&time, ns);
    err_tell("%llu request%s on %llu connection%s, %s, in %s", (unsigned long long)t->requests,
             t->requests == 1 ? "" : "s", (unsigned long long)t->connections,
             t->connections == 1 ? "" : "s", buf_cstr(&bytes), buf_cstr(&time));
}

/* A connection is a descriptor, and so is each file that is read. */
static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int hand_over(struct serving *s)
{
    for (size_t i = 0; i < s->places.places.len; i++) {
        struct serve_place *p = vec_at(&s->places.places, i);
        int r = http_server_listen(&s->server, p->thread, p->fd);
        if (r < 0)
            return r;
        p->fd = -1;
    }
    return 0;
}

static int open_tls(struct serving *s)
{
    struct tls_server_arguments tls = s->arguments->tls;
    _cleanup_vec_ struct vec names = VEC_INIT(const char *);
    _cleanup_buf_ struct buf texts = BUF_INIT(1 << 16);
    if (!s->where.secure)
        return 0;
    if (!tls.alpn)
        tls.alpn = "http/1.1,http/1.0";
    s->site.tls_timeout_ms = tls.timeout_ns / 1000000;
    if (serve_addresses(&s->places, &names, &texts) < 0)
        return fail_errno(ENOMEM, "serve", s->folder, NULL);
    return tls_server_open(&command_serve, &tls, &names, &s->events, &s->site.tls);
}

/* What isn't needed from now on. */
static int give_up(struct serving *s)
{
    struct sandbox sandbox = SANDBOX_INIT;
    int r = confine_keep(&sandbox, s->site.root_fd, SANDBOX_READ);
    if (r == 0 && s->site.upload_fd >= 0)
        r = confine_keep(&sandbox, s->site.upload_fd, SANDBOX_READ | SANDBOX_CREATE);
    for (size_t i = 0; i < s->places.listeners.len && r == 0; i++)
        r = confine_keep_listener(&sandbox, vec_at(&s->places.listeners, i));
    int status = r < 0 ? fail_errno(r, "serve", s->folder, NULL)
                       : confine(&s->arguments->confine, &sandbox, &s->events);
    sandbox_clear(&sandbox);
    return status;
}

static int serve(struct serving *s)
{
    struct http_totals totals;
    uint64_t since_ns = time_monotonic_ns();
    int status = serve_open(&s->where, &s->places);
    if (!status)
        status = open_tls(s);
    if (status)
        return status;
    int r = http_server_init(&s->server, s->where.n_threads);
    if (r == 0)
        r = hand_over(s);
    if (r < 0)
        return fail_errno(r, "serve", s->folder, NULL);
    status = give_up(s);
    if (status)
        return status;
    tell_where(s);
    r = http_server_run(&s->server, &totals);
    if (r < 0)
        return fail_errno(r, "serve", s->folder, NULL);
    if (!s->arguments->quiet)
        tell_totals(&totals, time_monotonic_ns() - since_ns);
    return EXIT_YES;
}

static void clear(struct serving *s)
{
    http_server_clear(&s->server);
    serve_close(&s->places);
    clear_site(&s->site);
}

static int run(const void *arguments, const struct command_words *words)
{
    const struct serve_arguments *a = arguments;
    struct serving s = {.arguments = a,
                        .events = {.quiet = a->quiet},
                        .where = {.n_threads = (unsigned)a->workers}};
    s.server = (struct http_server){.site = &s.site,
                                    .accept = {.max = (uint32_t)a->max_clients},
                                    .grace_ns = a->grace_ns,
                                    .starved = tell_starved,
                                    .unshaken = a->quiet ? NULL : tell_unshaken,
                                    .stopping = a->quiet ? NULL : tell_stopping};
    s.where.secure = tls_server_wanted(&a->tls);
    read_words(&s, words);
    raise_limit();
    int status = make_site(&s);
    if (!status)
        status = serve(&s);
    clear(&s);
    return status;
}

const struct command command_serve = {
    .name = "serve",
    .group = "Open",
    .summary = "serve a folder by HTTP",
    .usage = "[DIR] [ENDPOINT]",
    .description =
        "Serves the files below DIR (this folder) at ENDPOINT (8000 of this machine) until Ctrl-C. "
        "Digits alone are a port; a folder of that name is ./500. No request leads out of DIR.",
    .options = serve_options,
    .arguments_size = sizeof(struct serve_arguments),
    .defaults = &serve_defaults,
    .max_words = 2,
    .completes = "directory",
    .run = run,
};
