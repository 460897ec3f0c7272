/* The parts of `berth explain connect`: its question, the answers, and how they are shown. */
#pragma once
#include "cmd/explain_ask.h"
#include "cmd/explain_firewall.h"
#include "cmd/explain_try.h"
#include "cmd/output.h"
#include "flow/target.h"
#include "net/endpoint.h"
#include "predict/bind.h"
#include "predict/connect.h"

struct buf;
struct connect_question;
struct jsonw;

struct explain_connect_arguments {
    struct output_arguments output;
    struct sockets_arguments sockets;
    bool udp, tries;
    const char *from, *device;
};

/* A rule that hands the port on, as those of published container ports do. */
struct connect_forward {
    const struct firewall_rule *rule; /* NULL: none */
    const char *to;                   /* as the rule has it; NULL: that can't be told */
    bool certain;                     /* it is met */
    struct target target;
    bool elsewhere;    /* the target isn't an address of this namespace */
    uint32_t ifindex;  /* the device that leads to it then */
    unsigned n_places; /* namespaces of this host that have the address; 2: several */
    /* Who answers there, asked as a question of its own; answers empty: it couldn't be. */
    struct explain_host *there; /* owned; NULL: in the same namespace */
    struct sockets_arguments place;
    char netns[24];
    struct connect_question *question; /* owned */
};

/* One address's answer. */
struct connect_answer {
    struct target target;                 /* as it was asked for */
    struct predict_connection connection; /* as the kernel takes it */
    struct net_route route;
    struct predict_connect connect;
    struct predict_bind bind; /* of the address that it is to come from */
    bool bind_fails;          /* and so there is no connection to ask about */
    bool no_way_back;         /* no route leads to where it is to come from */
    enum tri exhausted;       /* no port is left for this end of it */
    struct explain_lookup lookup;
    const struct net_socket *said;  /* the socket that it found, of the facts where they have it */
    bool agrees;                    /* the two lookups do */
    bool steered;                   /* a BPF program of the namespace chooses listeners */
    const struct net_socket *bound; /* has the port, but neither listens nor is connected */
    const struct net_socket **sockets; /* owned: the facts, with a connection that they left out */
    struct connect_forward forward;
    struct explain_weight weight; /* of the firewall */
    bool stopped;                 /* it depends on its rules alone */
    struct explain_connect_trial trial;
};

struct connect_question {
    const struct explain_connect_arguments *arguments;
    struct explain_host *host;
    const struct endpoint *endpoint;
    struct net_addr from; /* AF_UNSPEC: the kernel's choice */
    uint16_t from_port;
    struct explain_firewall firewall;
    bool followed;      /* it is a forwarding rule's, and no further one is looked for */
    struct vec answers; /* struct connect_answer */
};
void explain_connect_question_clear(struct connect_question *q);

/* Answers for one address; *ret is always to be cleared. 0, or a negative errno with *e filled. */
int explain_connect_answer(struct connect_question *q, const struct target *t,
                           struct connect_answer *ret, struct err *e);
void explain_connect_clear(struct connect_answer *a);

/* What the firewall is asked about, before any rule gives it another destination. */
struct explain_passage explain_connect_passage(const struct connect_question *q,
                                               const struct connect_answer *a);
/* Whether a rule hands on what was asked for, and who answers there. 0, or a negative errno. */
int explain_connect_follow(struct connect_question *q, struct connect_answer *a, struct err *e);
void explain_connect_forward_clear(struct connect_forward *f);
/* The answer behind the rule; NULL where there is none. */
const struct connect_answer *explain_connect_behind(const struct connect_answer *a);

/* What a program ends up with that takes the first address that works: the one that it gets, or
 * waits for. Where all fail it's the last. */
const struct connect_answer *explain_connect_overall(const struct connect_question *q);

/* The rules of the firewall that matter to it. */
void explain_connect_put_weight(struct buf *out, const struct connect_answer *a);
void explain_connect_json_weight(struct jsonw *j, const struct connect_answer *a);

/* At the most so many sockets are looked at one by one; the others are counted. */
enum { EXPLAIN_CONNECT_NAMED = 6 };

/* "tcp 127.0.0.1:80". */
void explain_connect_put_endpoint(struct buf *out, const struct connect_answer *a);
/* The answer's first line. */
void explain_connect_put_verdict(struct buf *out, struct connect_question *q,
                                 const struct connect_answer *a, bool colour);

void explain_connect_show_words(struct output *o, struct connect_question *q);
void explain_connect_show_json(struct output *o, struct connect_question *q);

/* What would make it work, or what to look at next, each as an order: appends to *ret (char *, to
 * be freed with explain_connect_free_remedies). 0 or -ENOMEM. */
int explain_connect_remedies(struct connect_question *q, const struct connect_answer *a,
                             struct vec *ret);
void explain_connect_free_remedies(struct vec *texts);
