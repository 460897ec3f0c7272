/* Between flow/tls and the module that it opens: nobody else includes this. */
#pragma once
#include "flow/tls.h"

#define TLS_MODULE_FILE   "berth-tls.so"
#define TLS_MODULE_SYMBOL "berth_tls_module"

struct tls_module {
    const char *version; /* BERTH_VERSION: both were built together */
    int (*context_new)(const struct tls_config *config, struct tls_context **ret, struct err *e);
    void (*context_free)(struct tls_context *c);
    /* fd stays the caller's. */
    int (*session_new)(struct tls_context *c, int fd, const struct tls_peer_name *peer,
                       struct tls_session **ret, struct err *e);
    /* 0, -EAGAIN with what to wait for (EPOLLIN, EPOLLOUT), or a negative errno with *e filled;
     * -EPROTOTYPE: the client spoke plain HTTP. */
    int (*session_step)(struct tls_session *t, uint32_t *ret_waits, struct err *e);
    void (*session_free)(struct tls_session *t);
    void (*session_tell)(struct tls_session *t, struct tls_fault *fault);
    /* *ret is zeroed. */
    int (*session_info)(const struct tls_session *t, struct tls_info *ret);
    /* `above` is the session. */
    struct stream_ops ops;
};

/* What a module's contexts begin with. */
struct tls_context {
    const struct tls_module *module;
    char fingerprint[3 * 32 + 1];
};

/* What an alert from the peer says, RFC 8446, 6. A text that lives forever. */
const char *tls_alert_words(uint8_t alert);
