/* A folder as a page for people, and as JSON for programs. Pure: the entries are given. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum http_entry_kind { HTTP_ENTRY_FOLDER, HTTP_ENTRY_FILE, HTTP_ENTRY_OTHER };

struct http_entry {
    const char *name; /* any bytes but NUL and '/' */
    enum http_entry_kind kind;
    uint64_t size;
    int64_t modified_s;
};

enum http_sort { HTTP_SORT_NAME, HTTP_SORT_SIZE, HTTP_SORT_TIME, HTTP_SORTS };

struct http_listing {
    const char *path; /* decoded: "" or "a/b/" */
    struct http_entry *entries;
    size_t n;
    bool cut; /* there are more */
    enum http_sort sort;
    bool descending;
};

/* Reads "sort=size&order=desc" of a query; anything else is by name, ascending. */
void http_listing_read_query(struct http_listing *l, const char *query, size_t n);
/* Folders first; "file9" before "file10". */
void http_listing_sort(struct http_listing *l);
/* UTF-8, whatever the names are; times are local ones. */
void http_listing_html(struct buf *out, const struct http_listing *l);
void http_listing_json(struct buf *out, const struct http_listing *l);
/* "1.4 MiB"; below 1024 the bytes. */
void http_format_size(struct buf *out, uint64_t size);
