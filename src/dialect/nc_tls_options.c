/* What nc's command line says of TLS.
 *
 * OpenBSD's letters are taken where Debian leaves them free. Two are not: -C, which is CRLF there,
 * and -Z, which is DCCP. The certificate's file is a word of -T instead, as other values of TLS
 * are; nothing saves the peer's certificates.
 */
#include <string.h>

#include "dialect/nc.h"

enum { FLAG, TEXT };

static const struct {
    const char *word;
    int kind;
    size_t field;
} keywords[] = {
    {"noverify", FLAG, offsetof(struct nc_tls, any_certificate)},
    {"noname", FLAG, offsetof(struct nc_tls, any_name)},
    {"clientcert", FLAG, offsetof(struct nc_tls, client_certificate)},
    {"muststaple", FLAG, offsetof(struct nc_tls, must_staple)},
    {"ciphers", TEXT, offsetof(struct nc_tls, ciphers)},
    {"protocols", TEXT, offsetof(struct nc_tls, protocols)},
    {"certfile", TEXT, offsetof(struct nc_tls, certificate)},
};

bool nc_tls_keyword(struct nc_tls *t, const char *word)
{
    size_t n = strcspn(word, "=");

    for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++) {
        char *field = (char *)t + keywords[i].field;
        if (strlen(keywords[i].word) != n || strncmp(keywords[i].word, word, n) != 0)
            continue;
        t->options = true;
        if (keywords[i].kind == FLAG && word[n])
            nc_die("invalid tls value `%s'", word);
        if (keywords[i].kind == TEXT && !word[n])
            nc_die("missing value for tls option `%s'", word);
        if (keywords[i].kind == FLAG)
            *(bool *)(void *)field = true;
        else
            *(const char **)(void *)field = word + n + 1;
        return true;
    }
    return false;
}

static void refuse(bool is, const char *words)
{
    if (is)
        nc_die("%s", words);
}

/* In the order, and with the words, of the original where it has them. */
void nc_tls_check(const struct nc *n)
{
    const struct nc_tls *t = &n->tls;

    refuse(t->on && n->udp, "cannot use -c and -u");
    refuse(t->on && n->dccp, "cannot use -c and -Z");
    refuse(t->on && n->family == AF_UNIX, "cannot use -c and -U");
    refuse(t->on && n->pass_fd, "cannot use -c and -F");
    refuse(t->options && !t->on, "you must specify -c to use TLS options");
    refuse(t->key && !t->on, "you must specify -c to use -K");
    refuse(t->authorities && !t->on, "you must specify -c to use -R");
    refuse(t->hash && !t->on, "you must specify -c to use -H");
    refuse(t->name && !t->on, "you must specify -c to use -e");
    refuse(t->staple && !t->on, "you must specify -c to use -o");
    refuse(t->staple && !(n->listen && (t->certificate || t->key)),
           "you must specify -l and a certificate (-K or -T certfile=) to use -o");
    refuse(t->client_certificate && !n->listen, "clientcert is only valid with -l");
    refuse(t->must_staple && n->listen, "muststaple is not valid with -l");
    refuse(t->hash && t->any_certificate, "-H and -T noverify may not be used together");
    refuse(t->must_staple && t->any_certificate,
           "-T muststaple and -T noverify may not be used together");
    refuse(t->client_certificate && t->any_certificate,
           "-T clientcert and -T noverify may not be used together");
    refuse(t->on && n->listen && !t->certificate && !t->key,
           "-l needs a certificate for TLS: -K with both it and its key, or -T certfile= and -K");
}
