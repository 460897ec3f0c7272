/* TLS on the command line, for every command that opens streams.
 *
 * A command puts a struct tls_client_arguments or tls_server_arguments named `tls` into its
 * arguments and the rows into its option table; one that has both ends names them itself. What was
 * given becomes a context, which loads the module of TLS (flow/tls.h).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "cli/command.h"
#include "flow/tls.h"

struct buf;
struct endpoint;
struct flow_events;

struct tls_client_arguments {
    bool on, insecure, info;
    const char *name, *ca, *certificate, *key, *fingerprint, *alpn;
    int least;
};

struct tls_server_arguments {
    bool on;
    const char *certificate, *key, *ca, *alpn;
    int clients; /* enum tls_peer */
    int least;
    uint64_t timeout_ns;
};

/* Whether TLS was asked for, by any of the options. */
bool tls_client_wanted(const struct tls_client_arguments *a);
bool tls_server_wanted(const struct tls_server_arguments *a);
/* words: what messages call the options, and outlives the context; NULL: --tls-name, --tls-ca …. 0,
 * or an exit status after a message. */
int tls_client_open(const struct command *c, const struct tls_client_arguments *a,
                    const struct tls_words *words, const struct flow_events *events,
                    struct tls_context **ret);
/* Without --tls-cert a certificate is made, for this machine's name and addresses, and for those of
 * `more` (const char *; NULL none); its fingerprint is told. */
int tls_server_open(const struct command *c, const struct tls_server_arguments *a,
                    const struct vec *more, const struct flow_events *events,
                    struct tls_context **ret);
/* What the server's certificate has to bear: --tls-name, else what the endpoint says; a bare port
 * is localhost. NULL: nothing (a UNIX socket). text: for an address in figures. */
const char *tls_client_name(const struct tls_client_arguments *a, const struct endpoint *ep,
                            struct buf *text);

/* Version, cipher and chain, for people, on stderr. Nothing of who showed no certificate. */
void tls_tell_info(const struct tls_info *i, const struct flow_events *events);
/* In a line: "TLSv1.3, TLS_AES_256_GCM_SHA384, ALPN h2". */
void tls_format_summary(struct buf *out, const struct tls_info *i);
/* Of a client's handshake that is done: the same, and whom its certificate names. */
void tls_format_client(struct buf *out, const struct tls_handshake *h);

extern const char *const tls_versions[];
extern const char *const tls_client_kinds[];

#define TLS_TEXT(arguments, member, word, meta, what, text)                        \
    {                                                                              \
        .name = (word), .type = OPTION_TEXT, .field = offsetof(arguments, member), \
        .metavar = (meta), .completes = (what), .help = (text)                     \
    }

/* Rows of an option table; prefix: "tls", as in --tls-name. at: the member. */
#define TLS_CLIENT_OPTIONS(arguments, at, prefix, heading)                                     \
    {.name = prefix,                                                                           \
     .field = offsetof(arguments, at.on),                                                      \
     .group = heading,                                                                         \
     .help = "speak TLS with the server, whose certificate has to be good"},                   \
        TLS_TEXT(arguments, at.name, prefix "-name", "NAME", NULL,                             \
                 "what the server's certificate has to name, and what it is asked for (SNI)"), \
        TLS_TEXT(arguments, at.ca, prefix "-ca", "FILE|DIR", "file",                           \
                 "who may vouch for the server, instead of those the system trusts"),          \
        TLS_TEXT(arguments, at.fingerprint, prefix "-fingerprint", "SHA256", NULL,             \
                 "the server's certificate is exactly this one; nobody has to vouch for it"),  \
        {.name = prefix "-insecure",                                                           \
         .field = offsetof(arguments, at.insecure),                                            \
         .help = "any certificate will do: whoever stands between can read and change all"},   \
        TLS_TEXT(arguments, at.certificate, prefix "-cert", "FILE", "file",                    \
                 "our certificate, for servers that want one (PEM, with those that vouch for " \
                 "it)"),                                                                       \
        TLS_TEXT(arguments, at.key, prefix "-key", "FILE", "file",                             \
                 "its key, if that isn't in the same file"),                                   \
        TLS_TEXT(arguments, at.alpn, prefix "-alpn", "NAME,…", NULL,                           \
                 "offer these protocols above TLS, the best first: h2,http/1.1"),              \
        {.name = prefix "-min",                                                                \
         .type = OPTION_CHOICE,                                                                \
         .field = offsetof(arguments, at.least),                                               \
         .choices = tls_versions,                                                              \
         .help = "the oldest version of TLS that will do (1.2)"},                              \
        {.name = prefix "-info",                                                               \
         .field = offsetof(arguments, at.info),                                                \
         .help = "tell version, cipher, and the server's certificates with their expiry"},

#define TLS_SERVER_OPTIONS(arguments, at, heading)                                               \
    {.name = "tls",                                                                              \
     .field = offsetof(arguments, at.on),                                                        \
     .group = heading,                                                                           \
     .help = "clients speak TLS; without --tls-cert a self-signed certificate is made, and its " \
             "fingerprint told"},                                                                \
        TLS_TEXT(arguments, at.certificate, "tls-cert", "FILE", "file",                          \
                 "the certificate (PEM, with those that vouch for it)"),                         \
        TLS_TEXT(arguments, at.key, "tls-key", "FILE", "file",                                   \
                 "its key, if that isn't in the same file"),                                     \
        {.name = "tls-clients",                                                                  \
         .type = OPTION_CHOICE,                                                                  \
         .field = offsetof(arguments, at.clients),                                               \
         .choices = tls_client_kinds,                                                            \
         .help = "whether clients have to show a certificate (any: none is asked for)"},         \
        TLS_TEXT(arguments, at.ca, "tls-ca", "FILE|DIR", "file",                                 \
                 "who may vouch for clients, which then have to show a certificate"),            \
        TLS_TEXT(arguments, at.alpn, "tls-alpn", "NAME,…", NULL,                                 \
                 "the protocols that are spoken above TLS, the best first"),                     \
        {.name = "tls-min",                                                                      \
         .type = OPTION_CHOICE,                                                                  \
         .field = offsetof(arguments, at.least),                                                 \
         .choices = tls_versions,                                                                \
         .help = "the oldest version of TLS that will do (1.2)"},                                \
        {.name = "tls-timeout",                                                                  \
         .type = OPTION_DURATION,                                                                \
         .field = offsetof(arguments, at.timeout_ns),                                            \
         .metavar = "TIME",                                                                      \
         .help = "how long a handshake may take (10s)"},
