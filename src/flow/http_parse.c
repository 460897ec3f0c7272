#include "flow/http_parse.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

enum { METHOD_LENGTH_MAX = 32 };

static const char *const methods[HTTP_OTHER] = {
    "GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT",
};

static const struct {
    const char *name;
    uint8_t n;
    bool once; /* twice is refused: which of the two counts is what readers differ in */
} fields[] = {
#define F(name, once)                \
    {                                \
        name, sizeof(name) - 1, once \
    }
    [HTTP_HOST] = F("host", true),
    [HTTP_CONTENT_LENGTH] = F("content-length", true),
    [HTTP_TRANSFER_ENCODING] = F("transfer-encoding", true),
    [HTTP_CONNECTION] = F("connection", false),
    [HTTP_EXPECT] = F("expect", true),
    [HTTP_RANGE] = F("range", true),
    [HTTP_IF_RANGE] = F("if-range", true),
    [HTTP_IF_MATCH] = F("if-match", false),
    [HTTP_IF_NONE_MATCH] = F("if-none-match", false),
    [HTTP_IF_MODIFIED_SINCE] = F("if-modified-since", true),
    [HTTP_IF_UNMODIFIED_SINCE] = F("if-unmodified-since", true),
    [HTTP_ACCEPT] = F("accept", false),
    [HTTP_ACCEPT_ENCODING] = F("accept-encoding", false),
    [HTTP_AUTHORIZATION] = F("authorization", true),
    [HTTP_ORIGIN] = F("origin", true),
    [HTTP_REFERER] = F("referer", false),
    [HTTP_USER_AGENT] = F("user-agent", false),
    [HTTP_CONTENT_RANGE] = F("content-range", true),
    [HTTP_REQUEST_METHOD] = F("access-control-request-method", true),
#undef F
};
static_assert(sizeof fields / sizeof *fields == HTTP_FIELDS, "a row a field");
static_assert(HTTP_FIELDS <= 32, "`present` has a bit for each");

/* Bytes by what they may be part of, a bit each: RFC 9110 5.6.2 (token), RFC 3986 (host and port).
 * A target may have any visible byte but '#', and those beyond ASCII, which some clients don't
 * encode. */
static const uint64_t token_bytes[4] = {0x03ff6cfa00000000, 0x57ffffffc7fffffe, 0x0000000000000000,
                                        0x0000000000000000};
static const uint64_t digit_bytes[4] = {0x03ff000000000000};
static const uint64_t target_bytes[4] = {0xfffffff600000000, 0x7fffffffffffffff, 0xffffffffffffffff,
                                         0xffffffffffffffff};
static const uint64_t authority_bytes[4] = {0x2fff7ff200000000, 0x47fffffeaffffffe,
                                            0x0000000000000000, 0x0000000000000000};

static bool is_one_of(char byte, const uint64_t set[4])
{
    unsigned char c = (unsigned char)byte;
    return set[c >> 6] >> (c & 63) & 1;
}

/* How many bytes at the front are of the set. */
static size_t span(const char *bytes, size_t n, const uint64_t set[4])
{
    size_t i = 0;
    while (i < n && is_one_of(bytes[i], set))
        i++;
    return i;
}

static int refuse(struct http_parser *p, int status, const char *why)
{
    p->status = status;
    p->why = why;
    return -EBADMSG;
}

static bool same_word(const char *bytes, size_t n, const char *lower)
{
    return strlen(lower) == n && strncasecmp(bytes, lower, n) == 0;
}

static struct http_slice slice(size_t at, size_t n)
{
    return (struct http_slice){(uint32_t)at, (uint32_t)n};
}

/* -- the request line -- */

static int parse_version(struct http_parser *p, const char *v, size_t n)
{
    if (n != 8 || memcmp(v, "HTTP/", 5) != 0 || v[5] < '0' || v[5] > '9' || v[6] != '.' ||
        v[7] < '0' || v[7] > '9')
        return refuse(p, 400, "the request line doesn't end in HTTP/1.0 or HTTP/1.1");
    if (v[5] != '1')
        return refuse(p, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    p->request.minor = v[7] == '0' ? 0 : 1;
    return 0;
}

static void split_query(struct http_request *r, const char *bytes, size_t at, size_t n)
{
    const char *mark = memchr(bytes + at, '?', n);
    size_t n_path = mark ? (size_t)(mark - (bytes + at)) : n;
    r->path = slice(at, n_path);
    if (mark)
        r->query = slice(at + n_path + 1, n - n_path - 1);
}

/* "http://host:port/path": what is said to a proxy, and must be understood (RFC 9112 3.2.2). */
static int parse_absolute(struct http_parser *p, const char *bytes, size_t at, size_t n)
{
    size_t scheme = n >= 7 && strncasecmp(bytes + at, "http://", 7) == 0    ? 7
                    : n >= 8 && strncasecmp(bytes + at, "https://", 8) == 0 ? 8
                                                                            : 0;
    if (!scheme)
        return refuse(p, 400, "the target is no path");
    size_t n_host = span(bytes + at + scheme, n - scheme, authority_bytes);
    size_t rest = at + scheme + n_host, n_rest = n - scheme - n_host;
    if (n_host == 0 || (n_rest > 0 && bytes[rest] != '/'))
        return refuse(p, 400, "the target's host is malformed");
    p->request.host = slice(at + scheme, n_host);
    if (n_rest > 0)
        split_query(&p->request, bytes, rest, n_rest);
    else /* an empty path is "/": the scheme's second slash is as good as any */
        p->request.path = slice(at + scheme - 1, 1);
    return 0;
}

static int parse_target(struct http_parser *p, const char *bytes, size_t at, size_t n)
{
    struct http_request *r = &p->request;
    r->target = slice(at, n);
    if (n == 0 || span(bytes + at, n, target_bytes) != n)
        return refuse(p, 400, "the target has a byte that doesn't belong there");
    if (bytes[at] == '/') {
        split_query(r, bytes, at, n);
        return 0;
    }
    if (r->method == HTTP_CONNECT)
        return refuse(p, 501, "this is no proxy");
    if (n == 1 && bytes[at] == '*' && r->method == HTTP_OPTIONS) {
        r->path = r->target;
        return 0;
    }
    return parse_absolute(p, bytes, at, n);
}

static enum http_method method_of(const char *word, size_t n)
{
    for (int m = 0; m < HTTP_OTHER; m++)
        if (strlen(methods[m]) == n && memcmp(methods[m], word, n) == 0)
            return (enum http_method)m;
    return HTTP_OTHER;
}

static int parse_request_line(struct http_parser *p, const char *bytes, size_t at, size_t n)
{
    struct http_request *r = &p->request;
    const char *line = bytes + at;
    size_t n_method = span(line, n < METHOD_LENGTH_MAX ? n : METHOD_LENGTH_MAX, token_bytes);
    if (n_method == METHOD_LENGTH_MAX)
        return refuse(p, 501, "no such method here");
    if (n_method == 0 || n_method == n || line[n_method] != ' ')
        return refuse(p, 400, "this is no HTTP request");
    r->line = slice(at, n);
    r->method_text = slice(at, n_method);
    r->method = method_of(line, n_method);
    const char *target = line + n_method + 1;
    const char *blank = memchr(target, ' ', n - n_method - 1);
    if (!blank)
        return refuse(p, 400, "the request line doesn't end in HTTP/1.0 or HTTP/1.1");
    int e = parse_version(p, blank + 1, (size_t)(line + n - (blank + 1)));
    return e < 0 ? e : parse_target(p, bytes, (size_t)(target - bytes), (size_t)(blank - target));
}

/* -- fields -- */

static int take_length(struct http_parser *p, const char *value, size_t n)
{
    uint64_t length = 0;
    if (n == 0 || span(value, n, digit_bytes) < n)
        return refuse(p, 400, "Content-Length is no number");
    for (size_t i = 0; i < n; i++) {
        uint64_t digit = (uint64_t)(value[i] - '0');
        if (length > (INT64_MAX - digit) / 10)
            return refuse(p, 413, "no file is as long as that");
        length = length * 10 + digit;
    }
    p->request.has_length = true;
    p->request.content_length = length;
    return 0;
}

static int take_coding(struct http_parser *p, const char *value, size_t n)
{
    if (!same_word(value, n, "chunked"))
        return refuse(p, 501, "no transfer coding but chunked is understood");
    p->request.chunked = true;
    return 0;
}

/* A list of words, of which two matter here. */
static void take_connection(struct http_parser *p, const char *value, size_t n)
{
    while (n > 0) {
        const char *comma = memchr(value, ',', n);
        size_t n_word = comma ? (size_t)(comma - value) : n;
        size_t next = comma ? n_word + 1 : n_word;
        const char *word = value;
        while (n_word > 0 && (*word == ' ' || *word == '\t'))
            word++, n_word--;
        while (n_word > 0 && (word[n_word - 1] == ' ' || word[n_word - 1] == '\t'))
            n_word--;
        p->says_close |= same_word(word, n_word, "close");
        p->says_keep_alive |= same_word(word, n_word, "keep-alive");
        value += next;
        n -= next;
    }
}

static int take_field(struct http_parser *p, enum http_field f, const char *bytes, size_t at,
                      size_t n)
{
    struct http_request *r = &p->request;
    bool again = http_has(r, f);
    if (again && fields[f].once)
        return refuse(p, 400, "a field that may stand once stands twice");
    if (!again)
        r->field[f] = slice(at, n);
    r->present |= 1u << f;
    switch (f) {
    case HTTP_HOST:
        if (span(bytes + at, n, authority_bytes) != n)
            return refuse(p, 400, "Host is malformed");
        return 0;
    case HTTP_CONTENT_LENGTH:
        return take_length(p, bytes + at, n);
    case HTTP_TRANSFER_ENCODING:
        return take_coding(p, bytes + at, n);
    case HTTP_CONNECTION:
        take_connection(p, bytes + at, n);
        return 0;
    case HTTP_EXPECT:
        if (!same_word(bytes + at, n, "100-continue"))
            return refuse(p, 417, "nothing but 100-continue can be expected");
        r->expects_continue = r->minor > 0;
        return 0;
    default:
        return 0;
    }
}

/* A field's value: bytes beyond ASCII, visible ones, blanks and tabs (RFC 9110 5.5). */
static bool is_value(const char *bytes, size_t n)
{
    unsigned char bad = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        bad |= (unsigned char)((c < 0x20 && c != '\t') | (c == 0x7f));
    }
    return !bad;
}

static int parse_field(struct http_parser *p, const char *bytes, size_t at, size_t n)
{
    size_t n_name = span(bytes + at, n, token_bytes);
    if (++p->n_fields > HTTP_FIELDS_MAX)
        return refuse(p, 431, "there are too many fields");
    if (n_name == 0 && (bytes[at] == ' ' || bytes[at] == '\t'))
        return refuse(p, 400, "a field goes on in a second line");
    if (n_name == 0 || n_name == n || bytes[at + n_name] != ':')
        return refuse(p, 400, "a field's name is malformed");
    size_t from = at + n_name + 1, to = at + n;
    if (!is_value(bytes + from, to - from))
        return refuse(p, 400, "a field has a control character");
    while (from < to && (bytes[from] == ' ' || bytes[from] == '\t'))
        from++;
    while (from < to && (bytes[to - 1] == ' ' || bytes[to - 1] == '\t'))
        to--;
    for (int f = 0; f < HTTP_FIELDS; f++)
        if (fields[f].n == n_name && strncasecmp(bytes + at, fields[f].name, n_name) == 0)
            return take_field(p, (enum http_field)f, bytes, from, to - from);
    return 0;
}

/* -- the head as a whole -- */

static int finish(struct http_parser *p, size_t length)
{
    struct http_request *r = &p->request;
    r->length = (uint32_t)length;
    if (r->minor > 0 && !http_has(r, HTTP_HOST))
        return refuse(p, 400, "HTTP/1.1 needs a Host field");
    if (r->host.n == 0)
        r->host = r->field[HTTP_HOST];
    if (r->chunked && (r->has_length || r->minor == 0))
        return refuse(p, 400, "Transfer-Encoding stands beside Content-Length or HTTP/1.0");
    if (p->bare_lf && (r->chunked || r->content_length > 0))
        return refuse(p, 400, "a body needs lines that end in CRLF before it");
    r->keep_alive = !p->says_close && (r->minor > 0 || p->says_keep_alive);
    return 0;
}

/* One whole line, n bytes without its end. 1: it was the last. */
static int take_line(struct http_parser *p, const char *bytes, size_t at, size_t n)
{
    int e;
    if (n > HTTP_LINE_MAX)
        return p->has_line ? refuse(p, 431, "a field is too long")
                           : refuse(p, 414, "the target is too long");
    if (n == 0)
        return 1;
    e = p->has_line ? parse_field(p, bytes, at, n) : parse_request_line(p, bytes, at, n);
    p->has_line = true;
    return e;
}

/* What can be said of a line before its end is there: that it never will be right. */
static int judge_unfinished(struct http_parser *p, const char *bytes, size_t n)
{
    size_t n_line = n - p->line;
    if (n_line > HTTP_LINE_MAX + 1)
        return p->has_line ? refuse(p, 431, "a field is too long")
                           : refuse(p, 414, "the target is too long");
    if (n >= HTTP_HEAD_MAX)
        return refuse(p, 431, "the fields are too long");
    char first = n_line > 0 ? bytes[p->line] : '\r';
    if (!p->has_line && first != '\r' && !is_one_of(first, token_bytes))
        return refuse(p, 400, "this is no HTTP request");
    return -EAGAIN;
}

/* A line's end is CRLF, or LF in all lines. */
static int check_end(struct http_parser *p, const char *bytes, size_t at, size_t lf, size_t *ret_n)
{
    bool bare = lf == at || bytes[lf - 1] != '\r';
    if (!p->has_line)
        p->bare_lf = bare;
    else if (bare != p->bare_lf)
        return refuse(p, 400, "a line ends in LF and another in CRLF");
    *ret_n = lf - at - !bare;
    return 0;
}

int http_parse(struct http_parser *p, const char *bytes, size_t n)
{
    for (;;) {
        const char *end = memchr(bytes + p->scanned, '\n', n - p->scanned);
        size_t at = p->line, n_line;
        if (!end) {
            p->scanned = (uint32_t)n;
            return judge_unfinished(p, bytes, n);
        }
        size_t lf = (size_t)(end - bytes);
        int r = check_end(p, bytes, at, lf, &n_line);
        if (r < 0)
            return r;
        if (lf >= HTTP_HEAD_MAX)
            return refuse(p, p->has_line ? 431 : 414, "the head is too long");
        p->line = p->scanned = (uint32_t)lf + 1;
        if (n_line == 0 && !p->has_line) {
            /* One empty line before the request is forgiven (RFC 9112 2.2). */
            if (at > 0)
                return refuse(p, 400, "this is no HTTP request");
            continue;
        }
        r = take_line(p, bytes, at, n_line);
        if (r)
            return r < 0 ? r : finish(p, lf + 1);
    }
}
