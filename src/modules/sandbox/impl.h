/* What the files of this module share. Each returns 0, or a negative errno with *e filled. */
#pragma once
#include "flow/sandbox_module.h"

/* The leak checker of a sanitizer runs at the program's end: it reads /proc, and traces us. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* capabilities.c */
int capabilities_drop(const struct sandbox *s, struct err *e);
/* landlock.c; *ret_abi 0: this kernel has none. PR_SET_NO_NEW_PRIVS must be set. */
int landlock_enter(const struct sandbox *s, int *ret_abi, struct err *e);
/* calls.c; *ret false: this kernel has no seccomp, or who runs us doesn't allow it. */
int calls_refuse(bool *ret, struct err *e);
