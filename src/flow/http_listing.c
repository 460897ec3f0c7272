#include "flow/http_listing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "flow/http_path.h"

static const char *const sort_names[] = {
    [HTTP_SORT_NAME] = "name", [HTTP_SORT_SIZE] = "size", [HTTP_SORT_TIME] = "time"};
static_assert(sizeof sort_names / sizeof *sort_names == HTTP_SORTS, "a name a sort");

static const char *const kind_names[] = {
    [HTTP_ENTRY_FOLDER] = "folder", [HTTP_ENTRY_FILE] = "file", [HTTP_ENTRY_OTHER] = "other"};

/* Nothing is loaded from elsewhere; light and dark as the reader's system is. */
static const char style[] =
    ":root{color-scheme:light dark;--line:#8883;--dim:#888}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "h1{font-size:1.25rem;font-weight:600;overflow-wrap:anywhere}"
    "a{text-decoration:none}a:hover{text-decoration:underline}"
    "table{border-collapse:collapse;width:100%}"
    "th{text-align:left;font-weight:600;border-bottom:2px solid var(--line)}"
    "th,td{padding:.3rem .6rem}td{border-bottom:1px solid var(--line)}"
    "td:first-child{overflow-wrap:anywhere}"
    "td+td,th+th{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}"
    "td+td,p,footer{color:var(--dim)}tr:hover td{background:var(--line)}"
    "footer{margin-top:1rem;font-size:.85rem}"
    "@media(max-width:36rem){td:nth-child(3),th:nth-child(3){display:none}}";

/* -- order -- */

void http_listing_read_query(struct http_listing *l, const char *query, size_t n)
{
    size_t n_value = 0;
    const char *value = http_query_find(query, n, "sort", &n_value);
    l->sort = HTTP_SORT_NAME;
    for (int s = 0; value && s < HTTP_SORTS; s++)
        if (strlen(sort_names[s]) == n_value && memcmp(sort_names[s], value, n_value) == 0)
            l->sort = (enum http_sort)s;
    value = http_query_find(query, n, "order", &n_value);
    l->descending = value && n_value == 4 && memcmp(value, "desc", 4) == 0;
}

static int compare(const void *a, const void *b, void *listing)
{
    const struct http_entry *x = a, *y = b;
    const struct http_listing *l = listing;
    if ((x->kind == HTTP_ENTRY_FOLDER) != (y->kind == HTTP_ENTRY_FOLDER))
        return x->kind == HTTP_ENTRY_FOLDER ? -1 : 1;
    int order = 0;
    if (l->sort == HTTP_SORT_SIZE)
        order = (x->size > y->size) - (x->size < y->size);
    else if (l->sort == HTTP_SORT_TIME)
        order = (x->modified_s > y->modified_s) - (x->modified_s < y->modified_s);
    order = order ? order : strverscmp(x->name, y->name);
    return l->descending ? -order : order;
}

void http_listing_sort(struct http_listing *l)
{
    if (l->n > 0)
        qsort_r(l->entries, l->n, sizeof *l->entries, compare, l);
}

/* -- the page -- */

static void put_html(struct buf *out, const char *bytes, size_t n)
{
    for (size_t len; n > 0; bytes += len, n -= len) {
        unsigned c;
        len = text_decode_utf8(bytes, n, &c);
        if (len == 0 || text_is_unsafe(c))
            buf_str(out, "\xef\xbf\xbd"); /* U+FFFD */
        else if (c == '&')
            buf_str(out, "&amp;");
        else if (c == '<')
            buf_str(out, "&lt;");
        else if (c == '>')
            buf_str(out, "&gt;");
        else if (c == '"')
            buf_str(out, "&quot;");
        else if (c == '\'')
            buf_str(out, "&#39;");
        else
            buf_add(out, bytes, len);
        len = len ? len : 1;
    }
}

void http_format_size(struct buf *out, uint64_t size)
{
    static const char units[] = "KMGTPE";
    if (size < 1024) {
        buf_u64(out, size);
        buf_str(out, " B");
        return;
    }
    size_t unit = 0;
    double value = (double)size / 1024;
    for (; value >= 1023.95 && unit + 2 < sizeof units; unit++)
        value /= 1024;
    buf_printf(out, "%.1f %ciB", value, units[unit]);
}

static void put_time(struct buf *out, int64_t at_s, const char *format, bool utc)
{
    char text[64];
    struct tm tm;
    time_t t = (time_t)at_s;
    if (!(utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm)))
        return;
    text[strftime(text, sizeof text, format, &tm)] = '\0';
    buf_str(out, text);
}

/* "/a/b/", each folder a link to itself. */
static void put_crumbs(struct buf *out, const char *path)
{
    buf_str(out, "<h1><a href=\"/\">/</a>");
    for (const char *at = path, *slash; (slash = strchr(at, '/')); at = slash + 1) {
        buf_str(out, " <a href=\"/");
        http_path_encode(out, path, (size_t)(slash + 1 - path), true);
        buf_str(out, "\">");
        put_html(out, at, (size_t)(slash - at));
        buf_str(out, "/</a>");
    }
    buf_str(out, "</h1>");
}

/* The heading of the column that it is sorted by turns the order round. */
static void put_heading(struct buf *out, const struct http_listing *l, enum http_sort s,
                        const char *title)
{
    bool sorted = l->sort == s;
    buf_str(out, "<th");
    if (sorted)
        buf_printf(out, " aria-sort=\"%s\"", l->descending ? "descending" : "ascending");
    buf_printf(out, "><a href=\"?sort=%s%s\">%s</a>%s</th>", sort_names[s],
               sorted && !l->descending ? "&amp;order=desc" : "", title,
               !sorted         ? ""
               : l->descending ? " ↓"
                               : " ↑");
}

static void put_row(struct buf *out, const struct http_entry *e)
{
    const char *slash = e->kind == HTTP_ENTRY_FOLDER ? "/" : "";
    buf_str(out, "<tr><td>");
    if (e->kind != HTTP_ENTRY_OTHER) {
        buf_str(out, "<a href=\"./");
        http_path_encode(out, e->name, strlen(e->name), false);
        buf_printf(out, "%s\">", slash);
    }
    put_html(out, e->name, strlen(e->name));
    buf_str(out, slash);
    buf_str(out, e->kind != HTTP_ENTRY_OTHER ? "</a></td><td>" : "</td><td>");
    if (e->kind == HTTP_ENTRY_FILE) {
        buf_printf(out, "<span title=\"%llu bytes\">", (unsigned long long)e->size);
        http_format_size(out, e->size);
        buf_str(out, "</span>");
    }
    buf_str(out, "</td><td><time datetime=\"");
    put_time(out, e->modified_s, "%Y-%m-%dT%H:%M:%SZ", true);
    buf_str(out, "\">");
    put_time(out, e->modified_s, "%Y-%m-%d %H:%M", false);
    buf_str(out, "</time></td></tr>\n");
}

static void put_sum(struct buf *out, const struct http_listing *l)
{
    uint64_t size = 0;
    size_t files = 0, folders = 0;
    for (size_t i = 0; i < l->n; i++) {
        folders += l->entries[i].kind == HTTP_ENTRY_FOLDER;
        files += l->entries[i].kind != HTTP_ENTRY_FOLDER;
        if (l->entries[i].kind == HTTP_ENTRY_FILE)
            size += l->entries[i].size;
    }
    buf_printf(out, "<footer>%zu folder%s, %zu file%s, ", folders, folders == 1 ? "" : "s", files,
               files == 1 ? "" : "s");
    http_format_size(out, size);
    buf_str(out, l->cut ? "; there are more, which aren't shown" : "");
    buf_str(out, " · <a href=\"?format=json\">JSON</a></footer>");
}

void http_listing_html(struct buf *out, const struct http_listing *l)
{
    buf_str(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                 "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>/");
    put_html(out, l->path, strlen(l->path));
    buf_printf(out, "</title><style>%s</style></head><body>\n", style);
    put_crumbs(out, l->path);
    buf_str(out, "\n<table><thead><tr>");
    put_heading(out, l, HTTP_SORT_NAME, "Name");
    put_heading(out, l, HTTP_SORT_SIZE, "Size");
    put_heading(out, l, HTTP_SORT_TIME, "Changed");
    buf_str(out, "</tr></thead><tbody>\n");
    if (*l->path)
        buf_str(out, "<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    for (size_t i = 0; i < l->n; i++)
        put_row(out, &l->entries[i]);
    buf_str(out, "</tbody></table>\n");
    put_sum(out, l);
    buf_str(out, "\n</body></html>\n");
}

/* -- JSON -- */

static void put_json_time(struct jsonw *j, int64_t at_s)
{
    _cleanup_buf_ struct buf text = BUF_INIT(64);
    put_time(&text, at_s, "%Y-%m-%dT%H:%M:%SZ", true);
    jsonw_str(j, buf_cstr(&text));
}

static void put_json_entry(struct jsonw *j, const struct http_entry *e)
{
    jsonw_object(j);
    jsonw_key(j, "name");
    jsonw_str(j, e->name);
    jsonw_key(j, "type");
    jsonw_str(j, kind_names[e->kind]);
    jsonw_key(j, "size");
    if (e->kind == HTTP_ENTRY_FILE)
        jsonw_u64(j, e->size);
    else
        jsonw_null(j);
    jsonw_key(j, "modified");
    put_json_time(j, e->modified_s);
    jsonw_object_end(j);
}

void http_listing_json(struct buf *out, const struct http_listing *l)
{
    _cleanup_buf_ struct buf path = BUF_INIT(HTTP_PATH_MAX + 2);
    struct jsonw j = JSONW_INIT(out);
    buf_char(&path, '/');
    buf_str(&path, l->path);
    jsonw_object(&j);
    jsonw_key(&j, "path");
    jsonw_text(&j, path.data, path.len);
    jsonw_key(&j, "complete");
    jsonw_bool(&j, !l->cut);
    jsonw_key(&j, "entries");
    jsonw_array(&j);
    for (size_t i = 0; i < l->n; i++)
        put_json_entry(&j, &l->entries[i]);
    jsonw_array_end(&j);
    jsonw_object_end(&j);
    buf_char(out, '\n');
}
