/* The members of the facts' structs under their JSON keys: one table serves writing and reading. */
#pragma once
#include <stddef.h>

enum member_type {
    MEMBER_U8,
    MEMBER_U16,
    MEMBER_U32,
    MEMBER_I32,
    MEMBER_U64,
    MEMBER_CHARS, /* char[size], NUL-terminated */
    MEMBER_TEXT,  /* const char *, owned by the struct's owner; NULL is absent */
    MEMBER_ADDR,  /* struct net_addr, as text with %scope */
    MEMBER_BYTES, /* uint8_t[size], as hexadecimal digits */
};

struct member {
    const char *key;
    enum member_type type;
    size_t offset, size;
    int presence; /* bit in the struct's known and forbidden masks, or -1: always known */
};

struct member_table {
    const struct member *members;
    size_t n;
};

extern const struct member_table members_host;      /* struct facts */
extern const struct member_table members_namespace; /* struct net_namespace */
extern const struct member_table members_interface; /* struct net_iface */
extern const struct member_table members_rx;        /* struct net_iface, its counters */
extern const struct member_table members_tx;
extern const struct member_table members_address; /* struct net_iface_addr */
extern const struct member_table members_process; /* struct net_process */
