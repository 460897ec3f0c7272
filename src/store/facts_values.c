/* JSON values into C's, and objects into structs by their tables of members. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/parse.h"
#include "base/text.h"
#include "store/facts_members.h"
#include "store/facts_reader.h"

int reader_fault(struct facts_reader *r, const char *key)
{
    r->fault = key;
    return -EINVAL;
}

int reader_get_uint(const json_t *value, uint64_t max, uint64_t *ret)
{
    if (json_is_string(value))
        return parse_u64(json_string_value(value), 0, max, ret);
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > max)
        return -EINVAL;
    *ret = (uint64_t)json_integer_value(value);
    return 0;
}

int reader_get_addr(const json_t *value, struct net_addr *ret)
{
    return json_is_string(value) ? net_addr_parse(json_string_value(value), ret, NULL) : -EINVAL;
}

/* The text's bytes; at most max of them. */
int reader_get_bytes(const json_t *value, size_t max, struct buf *ret)
{
    if (!json_is_string(value))
        return -EINVAL;
    text_from_utf8(ret, json_string_value(value), json_string_length(value));
    return ret->failed || ret->len > max ? -EINVAL : 0;
}

int reader_get_chars(const json_t *value, char *ret, size_t size)
{
    _cleanup_buf_ struct buf bytes = BUF_INIT(1 << 16);
    int r = reader_get_bytes(value, size - 1, &bytes);
    if (r < 0)
        return r;
    memset(ret, 0, size);
    if (bytes.len)
        memcpy(ret, bytes.data, bytes.len);
    return 0;
}

static int get_text(struct facts_reader *r, const json_t *value, const char **ret)
{
    _cleanup_buf_ struct buf bytes = BUF_INIT(1 << 24);
    int result = reader_get_bytes(value, 1 << 23, &bytes);
    if (result < 0)
        return result;
    char *text = strndup(buf_cstr(&bytes), bytes.len);
    if (!text || vec_add(&r->texts, &text) < 0) {
        free(text);
        return -ENOMEM;
    }
    *ret = text;
    return 0;
}

static int get_hex(const json_t *value, uint8_t *ret, size_t size)
{
    const char *digits = json_string_value(value);
    if (!digits || strlen(digits) != 2 * size || strspn(digits, "0123456789abcdef") != 2 * size)
        return -EINVAL;
    for (size_t i = 0; i < size; i++) {
        char pair[3] = {digits[2 * i], digits[2 * i + 1], '\0'};
        ret[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return 0;
}

int reader_get_i32(const json_t *value, int32_t *ret)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < INT32_MIN || number > INT32_MAX)
        return -EINVAL;
    *ret = (int32_t)number;
    return 0;
}

static int get_unsigned_member(const json_t *value, enum member_type type, void *at)
{
    static const uint64_t most[] = {
        [MEMBER_U8] = UINT8_MAX,
        [MEMBER_U16] = UINT16_MAX,
        [MEMBER_U32] = UINT32_MAX,
        [MEMBER_U64] = UINT64_MAX,
    };
    uint64_t number;
    int r = reader_get_uint(value, most[type], &number);
    if (r < 0)
        return r;
    if (type == MEMBER_U8)
        *(uint8_t *)at = (uint8_t)number;
    else if (type == MEMBER_U16)
        *(uint16_t *)at = (uint16_t)number;
    else if (type == MEMBER_U32)
        *(uint32_t *)at = (uint32_t)number;
    else
        *(uint64_t *)at = number;
    return 0;
}

static int get_member(struct facts_reader *r, const json_t *value, const struct member *m, void *at)
{
    switch (m->type) {
    case MEMBER_I32:
        return reader_get_i32(value, at);
    case MEMBER_CHARS:
        return reader_get_chars(value, at, m->size);
    case MEMBER_TEXT:
        return get_text(r, value, at);
    case MEMBER_ADDR:
        return reader_get_addr(value, at);
    case MEMBER_BYTES:
        return get_hex(value, at, m->size);
    default:
        return get_unsigned_member(value, m->type, at);
    }
}

bool reader_has(const json_t *value)
{
    return value && !json_is_null(value);
}

int reader_get_members(struct facts_reader *r, const json_t *object, const struct member_table *t,
                       void *structure, uint32_t *ret_known)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct member *m = &t->members[i];
        const json_t *value = json_object_get(object, m->key);
        if (!reader_has(value))
            continue;
        if (get_member(r, value, m, (char *)structure + m->offset) < 0)
            return reader_fault(r, m->key);
        if (ret_known && m->presence >= 0)
            *ret_known |= 1u << m->presence;
    }
    return 0;
}
