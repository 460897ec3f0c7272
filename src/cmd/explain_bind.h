/* The parts of `berth explain bind`: its question, and the answers that it shows. */
#pragma once
#include "cmd/explain_host.h"
#include "cmd/explain_try.h"
#include "cmd/output.h"
#include "flow/target.h"
#include "names/users.h"
#include "net/endpoint.h"
#include "predict/remedy.h"

struct explain_bind_arguments {
    struct output_arguments output;
    struct sockets_arguments sockets;
    bool udp, reuseaddr, reuseport, freebind, transparent, no_listen, tries;
    bool v6only, dual_stack; /* neither: as it is */
    const char *device, *uid;
};

/* One address's answer. */
struct bind_answer {
    struct target target;
    struct predict_candidate candidate;
    struct predict_bind bind;
    struct vec remedies;           /* struct predict_remedy */
    uint16_t free_port;            /* the next one that would do; 0: none near, or not looked for */
    struct predict_choice *choice; /* of port 0 */
    struct explain_trial trial;
    struct vec free; /* struct bind_run: of a range of ports, those that would do */
};

/* Ports in a row. */
struct bind_run {
    uint32_t first, last;
};

struct bind_question {
    const struct explain_bind_arguments *arguments;
    struct explain_host *host;
    const struct endpoint *endpoint;
    struct users users;
    uint32_t uid;
    bool privileged, may_transparent;
    struct vec answers; /* struct bind_answer */
};

/* The answer to all of it: the one that decides. Of a name a program takes the first that works; a
 * bare port and `*` mean all their addresses. */
const struct bind_answer *explain_bind_overall(const struct bind_question *q);
/* What a program would ask for at a target. */
void explain_bind_candidate(const struct bind_question *q, const struct target *t,
                            struct predict_candidate *ret);
/* Whether a deeper look may say more. A refusal may be certain, and what would help hidden: the
 * options of a connection that no process has any more decide whether SO_REUSEADDR lets a server
 * start again. */
bool explain_bind_is_vague(const struct predict_bind *b);

void explain_bind_show_words(struct output *o, struct bind_question *q);
void explain_bind_show_json(struct output *o, struct bind_question *q);
/* A range of ports: what of it is free on each of the targets, as an answer for each address: it
 * succeeds where a port is free. 0, or a negative errno with *e filled. */
int explain_bind_range(struct bind_question *q, const struct vec *targets, struct err *e);
bool explain_bind_is_range(const struct bind_question *q);
void explain_bind_show_range(struct output *o, const struct bind_question *q);
