/* The words of TLS's alerts: in the program and in the module alike. */
#include <stddef.h>

#include "flow/tls_module.h"

/* The alerts of RFC 8446, 6, as what the one who gets them has to know. */
static const struct {
    uint8_t alert;
    const char *words;
} alerts[] = {
    {10, "the peer got a message that it didn't expect (TLS alert unexpected_message)"},
    {20, "the peer got a damaged record (TLS alert bad_record_mac)"},
    {40,
     "the peer found nothing that both can do: no common cipher or signature, or no certificate "
     "that it asked for (TLS alert handshake_failure)"},
    {42, "the peer can't read our certificate (TLS alert bad_certificate)"},
    {43, "the peer can't use a certificate of our kind (TLS alert unsupported_certificate)"},
    {44, "our certificate has been revoked, says the peer (TLS alert certificate_revoked)"},
    {45, "our certificate has expired, says the peer (TLS alert certificate_expired)"},
    {46, "the peer doesn't accept our certificate (TLS alert certificate_unknown)"},
    {47, "the peer got a message that makes no sense to it (TLS alert illegal_parameter)"},
    {48, "the peer doesn't know who vouches for our certificate (TLS alert unknown_ca)"},
    {49, "the peer knows our certificate and doesn't let it in (TLS alert access_denied)"},
    {50, "the peer can't read our message (TLS alert decode_error)"},
    {51, "the peer finds our signature wrong (TLS alert decrypt_error)"},
    {70, "the peer doesn't speak our versions of TLS (TLS alert protocol_version)"},
    {71, "the peer wants more security than we offered (TLS alert insufficient_security)"},
    {80, "the peer has trouble of its own (TLS alert internal_error)"},
    {86, "the peer refuses to try an older version (TLS alert inappropriate_fallback)"},
    {90, "the peer's user gave up (TLS alert user_canceled)"},
    {100, "the peer doesn't renegotiate (TLS alert no_renegotiation)"},
    {109, "the peer misses an extension (TLS alert missing_extension)"},
    {110, "the peer got an extension that it didn't ask for (TLS alert unsupported_extension)"},
    {112, "the peer serves no such name (TLS alert unrecognized_name)"},
    {113, "the peer dislikes our certificate's OCSP answer (TLS alert "
          "bad_certificate_status_response)"},
    {115, "the peer doesn't know our shared key (TLS alert unknown_psk_identity)"},
    {116, "the peer wants a client certificate, and none was shown (TLS alert "
          "certificate_required)"},
    {120, "the peer speaks none of the protocols that we offered (TLS alert "
          "no_application_protocol)"},
};

const char *tls_alert_words(uint8_t alert)
{
    for (size_t i = 0; i < sizeof alerts / sizeof *alerts; i++) {
        if (alerts[i].alert == alert)
            return alerts[i].words;
    }
    return "the peer ended TLS with an alert that has no name here";
}
