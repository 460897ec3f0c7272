/* Users' names and numbers, as the C library knows them (getpwuid(3), so nsswitch counts). */
#pragma once
#include <stdint.h>

#include "base/hash.h"

/* Names that were asked for already, those that don't exist too. Zeroed: empty. */
struct users {
    struct hash by_uid; /* uid -> its text, 0: there is none */
    struct user_name *names;
};

#define _cleanup_users_ __attribute__((cleanup(users_clear)))

void users_clear(struct users *u);

/* The name of a uid; NULL if there is none. It lives as long as the cache. */
const char *users_name(struct users *u, uint32_t uid);
/* The uid of a name: 0, -ENOENT, or another negative errno. A number is no name. */
int users_uid(const char *name, uint32_t *ret);
