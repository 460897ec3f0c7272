#include "flow/http_types.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

enum { TEXT_MAX = 1 << 20, FILE_MAX = 4 << 20, SUFFIX_MAX = 64, TYPE_MAX = 127 };

static const struct {
    const char *suffix, *type;
} built_in[] = {
    {"avif", "image/avif"},
    {"bin", "application/octet-stream"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ico", "image/vnd.microsoft.icon"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"md", "text/markdown"},
    {"mjs", "text/javascript"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"ogg", "audio/ogg"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain"},
    {"wasm", "application/wasm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xml", "text/xml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};

/* Places in the text: it moves while it grows. */
struct row {
    uint32_t suffix, type;
    uint32_t order; /* of adding */
};

void http_types_init(struct http_types *t)
{
    *t = (struct http_types){.rows = VEC_INIT(struct row), .text = BUF_INIT(TEXT_MAX)};
}

void http_types_free(struct http_types *t)
{
    vec_free(&t->rows);
    buf_free(&t->text);
}

/* -- reading the files -- */

struct word {
    const char *at;
    size_t n;
};

static struct word cut(struct word *rest, char mark)
{
    const char *end = memchr(rest->at, mark, rest->n);
    struct word piece = {rest->at, end ? (size_t)(end - rest->at) : rest->n};
    size_t used = end ? piece.n + 1 : piece.n;
    rest->at += used;
    rest->n -= used;
    return piece;
}

/* A type goes into a head as it is. */
static bool is_type(struct word w)
{
    bool slash = false;
    if (w.n == 0 || w.n > TYPE_MAX)
        return false;
    for (size_t i = 0; i < w.n; i++) {
        slash |= w.at[i] == '/';
        if (!isalnum((unsigned char)w.at[i]) && !strchr("/+-._", w.at[i]))
            return false;
    }
    return slash;
}

static bool is_suffix(struct word w)
{
    return w.n > 0 && w.n <= SUFFIX_MAX && !memchr(w.at, '*', w.n) && !memchr(w.at, '[', w.n) &&
           !memchr(w.at, '?', w.n) && !memchr(w.at, '/', w.n) && !memchr(w.at, '\0', w.n);
}

static uint32_t keep(struct http_types *t, struct word w, bool lower)
{
    size_t at = t->text.len;
    buf_add(&t->text, w.at, w.n);
    buf_char(&t->text, '\0');
    if (t->text.failed)
        return 0;
    for (size_t i = at; lower && i < at + w.n; i++)
        t->text.data[i] = (char)tolower((unsigned char)t->text.data[i]);
    return (uint32_t)at;
}

static void add(struct http_types *t, struct word suffix, uint32_t type)
{
    if (!is_suffix(suffix))
        return;
    struct row r = {keep(t, suffix, true), type, (uint32_t)t->rows.len};
    if (!t->text.failed)
        (void)vec_add(&t->rows, &r);
}

static bool has_capital(struct word w)
{
    for (size_t i = 0; i < w.n; i++)
        if (isupper((unsigned char)w.at[i]))
            return true;
    return false;
}

/* "50:text/x-csrc:*.c:cs" */
void http_types_add_globs2(struct http_types *t, const char *text, size_t n)
{
    struct word rest = {text, n};
    while (rest.n > 0 && !t->text.failed) {
        struct word line = cut(&rest, '\n');
        if (line.n == 0 || *line.at == '#')
            continue;
        cut(&line, ':');
        struct word type = cut(&line, ':'), glob = cut(&line, ':');
        if (line.n == 2 && memcmp(line.at, "cs", 2) == 0 && has_capital(glob))
            continue; /* "*.C" is not "*.c": here all are one case */
        if (glob.n > 2 && memcmp(glob.at, "*.", 2) == 0 && is_type(type))
            add(t, (struct word){glob.at + 2, glob.n - 2}, keep(t, type, false));
    }
}

static struct word next_word(struct word *line)
{
    while (line->n > 0 && (*line->at == ' ' || *line->at == '\t' || *line->at == '\r'))
        line->at++, line->n--;
    struct word w = {line->at, 0};
    while (line->n > 0 && *line->at != ' ' && *line->at != '\t' && *line->at != '\r')
        line->at++, line->n--, w.n++;
    return w;
}

/* "text/html    html htm shtml" */
void http_types_add_mime_types(struct http_types *t, const char *text, size_t n)
{
    struct word rest = {text, n};
    while (rest.n > 0 && !t->text.failed) {
        struct word line = cut(&rest, '\n'), type = next_word(&line), suffix = next_word(&line);
        if (type.n == 0 || *type.at == '#' || !is_type(type) || suffix.n == 0)
            continue;
        uint32_t kept = keep(t, type, false);
        for (; suffix.n > 0; suffix = next_word(&line))
            add(t, suffix, kept);
    }
}

static int compare_rows(const void *a, const void *b, void *text)
{
    const struct row *x = a, *y = b;
    int order = strcmp((const char *)text + x->suffix, (const char *)text + y->suffix);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

void http_types_sort(struct http_types *t)
{
    if (t->rows.len > 0)
        qsort_r(t->rows.items, t->rows.len, sizeof(struct row), compare_rows, t->text.data);
}

void http_types_load(struct http_types *t)
{
    _cleanup_buf_ struct buf file = BUF_INIT(FILE_MAX);
    if (fd_read_file(AT_FDCWD, "/usr/share/mime/globs2", &file) == 0)
        http_types_add_globs2(t, file.data, file.len);
    if (fd_read_file(AT_FDCWD, "/etc/mime.types", &file) == 0)
        http_types_add_mime_types(t, file.data, file.len);
    http_types_sort(t);
}

/* -- asking -- */

/* The first row of the suffix: where two have it, the one that was added first. */
static const char *find_row(const struct http_types *t, const char *suffix)
{
    size_t low = 0, high = t->rows.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct row *r = vec_at(&t->rows, middle);
        if (strcmp(t->text.data + r->suffix, suffix) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == t->rows.len)
        return NULL;
    const struct row *r = vec_at(&t->rows, low);
    return strcmp(t->text.data + r->suffix, suffix) == 0 ? t->text.data + r->type : NULL;
}

static const char *find_suffix(const struct http_types *t, const char *suffix)
{
    char lower[SUFFIX_MAX + 1];
    size_t n = strlen(suffix);
    if (n == 0 || n > SUFFIX_MAX)
        return NULL;
    for (size_t i = 0; i <= n; i++)
        lower[i] = (char)tolower((unsigned char)suffix[i]);
    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
        if (strcmp(built_in[i].suffix, lower) == 0)
            return built_in[i].type;
    return find_row(t, lower);
}

const char *http_types_find(const struct http_types *t, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    for (const char *dot = name; (dot = strchr(dot, '.')); dot++) {
        const char *type = dot > name ? find_suffix(t, dot + 1) : NULL;
        if (type)
            return type;
    }
    return NULL;
}

const char *http_types_guess(const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if ((c < 0x20 && !strchr("\t\n\f\r\x1b", c)) || c == 0 || c == 0x7f)
            return "application/octet-stream";
    }
    return "text/plain";
}

bool http_type_compresses(const char *type)
{
    static const char *const done[] = {"image/",          "video/",          "audio/",
                                       "font/woff",       "application/zip", "application/gzip",
                                       "application/zstd"};
    if (strcmp(type, "image/svg+xml") == 0)
        return true;
    for (size_t i = 0; i < sizeof done / sizeof *done; i++)
        if (strncmp(type, done[i], strlen(done[i])) == 0)
            return false;
    return true;
}
