/* RFC 854's negotiation, declined. A pure function of the bytes of one read: a command that is cut
 * off by the read's end goes unanswered.
 */
#include "flow/plain.h"

enum { TELNET_WILL = 251, TELNET_WONT, TELNET_DO, TELNET_DONT, TELNET_IAC };

size_t plain_telnet(const unsigned char *bytes, size_t n, unsigned char *answers)
{
    size_t made = 0;

    for (size_t i = 0; i + 2 < n; i++) {
        if (bytes[i] != TELNET_IAC)
            continue;
        unsigned char asked = bytes[++i]; /* of two IACs the second is data */
        if (asked < TELNET_WILL || asked > TELNET_DONT)
            continue;
        answers[made++] = TELNET_IAC;
        answers[made++] = asked >= TELNET_DO ? TELNET_WONT : TELNET_DONT;
        answers[made++] = bytes[++i];
    }
    return made;
}
