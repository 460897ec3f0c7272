/* The JSON writer: whatever is written, jansson reads the same.
 *
 * The input is a program: each byte is a call, followed by what the call needs. The same calls
 * build the expected document with jansson.
 */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "fuzz.h"

enum { DEEPEST = 20 };

struct input {
    const uint8_t *data;
    size_t size;
};

struct run {
    struct input in;
    struct jsonw writer;
    json_t *levels[DEEPEST]; /* the open arrays and objects; the outermost is owned */
    size_t depth;
    unsigned keys;
};

static size_t take(struct input *in, void *to, size_t n)
{
    size_t got = n < in->size ? n : in->size;
    memset(to, 0, n);
    if (got)
        memcpy(to, in->data, got);
    in->data += got;
    in->size -= got;
    return got;
}

static json_t *expected_text(const char *bytes, size_t n)
{
    _cleanup_buf_ struct buf utf8 = BUF_INIT(1 << 16);
    text_to_utf8(&utf8, bytes, n);
    return json_stringn(utf8.len ? utf8.data : "", utf8.len);
}

/* Puts a value that jansson has into the open level. In an object it gets a key of its own, with
 * bytes of the input in it; the writer is told the key by before_value. */
static void expect(struct run *r, const char *key, json_t *value)
{
    json_t *level = r->levels[r->depth - 1];
    if (json_is_array(level))
        json_array_append_new(level, value);
    else
        json_object_set_new(level, key, value);
}

static void before_value(struct run *r, char key[static 64])
{
    key[0] = '\0';
    if (!json_is_object(r->levels[r->depth - 1]))
        return;
    char raw[5];
    _cleanup_buf_ struct buf utf8 = BUF_INIT(64);
    take(&r->in, raw, sizeof raw - 1);
    raw[4] = '\0';
    text_to_utf8(&utf8, raw, strlen(raw));
    snprintf(key, 64, "%u%s", r->keys, buf_cstr(&utf8));

    char written[64];
    snprintf(written, sizeof written, "%u%s", r->keys++, raw);
    jsonw_key(&r->writer, written);
}

static void put_scalar(struct run *r, uint8_t call, const char *key)
{
    union {
        uint64_t u;
        int64_t i;
        double real;
        char text[256];
    } v;
    uint8_t n;
    switch (call) {
    case 0:
        jsonw_null(&r->writer);
        expect(r, key, json_null());
        break;
    case 1:
        take(&r->in, &n, 1);
        jsonw_bool(&r->writer, n & 1);
        expect(r, key, json_boolean(n & 1));
        break;
    case 2:
        take(&r->in, &v.u, sizeof v.u);
        jsonw_u64(&r->writer, v.u);
        expect(r, key, json_real((double)v.u));
        break;
    case 3:
        take(&r->in, &v.i, sizeof v.i);
        jsonw_i64(&r->writer, v.i);
        expect(r, key, json_real((double)v.i));
        break;
    case 4:
        take(&r->in, &v.real, sizeof v.real);
        jsonw_real(&r->writer, v.real);
        expect(r, key, isfinite(v.real) ? json_real(v.real) : json_null());
        break;
    default:
        take(&r->in, &n, 1);
        n = (uint8_t)take(&r->in, v.text, n);
        jsonw_text(&r->writer, v.text, n);
        expect(r, key, expected_text(v.text, n));
    }
}

static void open_level(struct run *r, bool object, const char *key)
{
    json_t *level = object ? json_object() : json_array();
    if (object)
        jsonw_object(&r->writer);
    else
        jsonw_array(&r->writer);
    if (r->depth > 0)
        expect(r, key, level);
    r->levels[r->depth++] = level;
}

static void close_level(struct run *r)
{
    const json_t *level = r->levels[--r->depth];
    if (json_is_object(level)) /* a macro that looks twice */
        jsonw_object_end(&r->writer);
    else
        jsonw_array_end(&r->writer);
}

static void step(struct run *r, uint8_t call)
{
    char key[64];
    call %= 9;
    if (call == 8) {
        if (r->depth > 1)
            close_level(r);
        return;
    }
    if (call >= 6 && r->depth == DEEPEST)
        return;
    before_value(r, key);
    if (call >= 6)
        open_level(r, call == 6, key);
    else
        put_scalar(r, call, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_buf_ struct buf out = BUF_INIT(16 << 20);
    struct run r = {.in = {data, size}, .writer = JSONW_INIT(&out)};
    uint8_t first;
    take(&r.in, &first, 1);
    r.writer.lines = first & 2;
    open_level(&r, first & 1, "");
    while (r.in.size > 0) {
        uint8_t call;
        take(&r.in, &call, 1);
        step(&r, call);
    }
    json_t *expected = r.levels[0];
    while (r.depth > 0)
        close_level(&r);

    fuzz_check(!out.failed, "the buffer has room");
    for (size_t i = 0; i < out.len; i++)
        fuzz_check((unsigned char)out.data[i] >= 0x20 || out.data[i] == '\n',
                   "no control character is written raw");
    json_t *got = json_loadb(
        out.data, out.len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL | JSON_REJECT_DUPLICATES, NULL);
    fuzz_check(got != NULL, "jansson reads it");
    fuzz_check(json_equal(got, expected), "jansson reads what was written");
    json_decref(got);
    json_decref(expected);
    return 0;
}
