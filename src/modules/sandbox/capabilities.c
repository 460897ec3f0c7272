/* Capabilities, by libcap-ng: all go but those few that were asked for. */
#include <cap-ng.h>
#include <errno.h>

#include "base/err.h"
#include "modules/sandbox/impl.h"

static void keep(bool wanted, bool had, unsigned capability)
{
    if (wanted && had)
        capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, capability);
}

int capabilities_drop(const struct sandbox *s, struct err *e)
{
    if (capng_get_caps_process() < 0)
        return err_set(e, EIO, "read", "our capabilities", NULL);
    bool reads = capng_have_capability(CAPNG_PERMITTED, CAP_DAC_READ_SEARCH);
    bool writes = capng_have_capability(CAPNG_PERMITTED, CAP_DAC_OVERRIDE);
    /* Only who has CAP_SETPCAP may make the bounding set smaller; without new privileges it
     * matters to nobody. */
    bool bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
    capng_clear(CAPNG_SELECT_ALL);
    keep(s->reads_everybodys, reads, CAP_DAC_READ_SEARCH);
    keep(s->writes_everybodys, writes, CAP_DAC_OVERRIDE);
    errno = 0;
    if (capng_apply(bounds ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) < 0)
        return err_set(e, errno ? errno : EPERM, "give up", "capabilities", NULL);
    return 0;
}
