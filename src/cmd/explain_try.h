/* Does for real what was foretold, and compares. The socket is closed at once. */
#pragma once
#include <stdbool.h>

#include "flow/target.h"
#include "predict/bind.h"
#include "predict/connect.h"

struct err;

struct explain_trial {
    bool done;
    enum predict_call call; /* that failed */
    int error;              /* positive errno; 0: it succeeded */
};

/* As the candidate's user, which takes root where it is another one. 0, or a negative errno with *e
 * filled. */
int explain_try_bind(const struct predict_candidate *c, const struct target *t,
                     struct explain_trial *ret, struct err *e);
bool explain_trial_agrees(const struct explain_trial *t, const struct predict_bind *b);

struct explain_connect_trial {
    bool done;
    bool timed_out; /* nobody answered within a second */
    int error;      /* positive errno; 0: it is connected */
};

/* Connects for real, sends nothing, and closes. */
void explain_try_connect(const struct predict_connection *c, const struct target *t,
                         struct explain_connect_trial *ret);
/* TRI_MAYBE where nothing was foretold. */
enum tri explain_connect_trial_agrees(const struct explain_connect_trial *t,
                                      const struct predict_connect *c, enum net_kind kind);
