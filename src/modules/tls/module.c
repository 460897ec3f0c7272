/* TLS by OpenSSL 3: the table that flow/tls finds when it opens this module.
 */
#include "modules/tls/impl.h"

__attribute__((visibility("default"))) const struct tls_module berth_tls_module = {
    .version = BERTH_VERSION,
    .context_new = context_new,
    .context_free = context_free,
    .session_new = session_new,
    .session_step = session_step,
    .session_free = session_free,
    .session_tell = session_tell,
    .session_info = session_info,
    .ops = {.read = session_read,
            .write = session_write,
            .finish = session_finish,
            .release = session_release},
};
