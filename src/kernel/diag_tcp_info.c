/* struct tcp_info (include/uapi/linux/tcp.h), of which each kernel sends as much as it knows. */
#include <string.h>

#include <linux/tcp.h>

#include "kernel/attrs.h"
#include "kernel/diag_decode.h"

static const struct member {
    enum net_field field;
    uint16_t from, size, to;
    uint16_t times, divide; /* into the field's unit */
    uint64_t none;          /* the value that stands for "not there" … */
    bool has_none;
} members[] = {
#define FROM(m) offsetof(struct tcp_info, m), sizeof(((struct tcp_info *)0)->m)
#define TO(m)   offsetof(struct net_socket, m)
#define NONE(v) .none = (v), .has_none = true
    {NET_F_RTT, FROM(tcpi_rtt), TO(rtt_us), 1, 1, NONE(0)},
    {NET_F_RTTVAR, FROM(tcpi_rttvar), TO(rttvar_us), 1, 1, NONE(0)},
    {NET_F_MIN_RTT, FROM(tcpi_min_rtt), TO(min_rtt_us), 1, 1, NONE(UINT32_MAX)},
    {NET_F_RTO, FROM(tcpi_rto), TO(rto_us), 1, 1, NONE(0)},
    {NET_F_SND_MSS, FROM(tcpi_snd_mss), TO(snd_mss), 1, 1, NONE(0)},
    {NET_F_PMTU, FROM(tcpi_pmtu), TO(pmtu), 1, 1, NONE(0)},
    {NET_F_CWND, FROM(tcpi_snd_cwnd), TO(cwnd), 1, 1},
    /* TCP_INFINITE_SSTHRESH */
    {NET_F_SSTHRESH, FROM(tcpi_snd_ssthresh), TO(ssthresh), 1, 1, NONE(0x7fffffff)},
    {NET_F_UNACKED, FROM(tcpi_unacked), TO(unacked), 1, 1},
    {NET_F_LOST, FROM(tcpi_lost), TO(lost), 1, 1},
    {NET_F_RETRANS, FROM(tcpi_retrans), TO(retrans), 1, 1},
    {NET_F_RETRANS_TOTAL, FROM(tcpi_total_retrans), TO(retrans_total), 1, 1},
    {NET_F_BYTES_SENT, FROM(tcpi_bytes_sent), TO(bytes_sent), 1, 1},
    {NET_F_BYTES_ACKED, FROM(tcpi_bytes_acked), TO(bytes_acked), 1, 1},
    {NET_F_BYTES_RECEIVED, FROM(tcpi_bytes_received), TO(bytes_received), 1, 1},
    {NET_F_BYTES_RETRANS, FROM(tcpi_bytes_retrans), TO(bytes_retrans), 1, 1},
    {NET_F_SEGS_IN, FROM(tcpi_segs_in), TO(segs_in), 1, 1},
    {NET_F_SEGS_OUT, FROM(tcpi_segs_out), TO(segs_out), 1, 1},
    {NET_F_SND_WND, FROM(tcpi_snd_wnd), TO(snd_wnd), 1, 1},
    {NET_F_RCV_SPACE, FROM(tcpi_rcv_space), TO(rcv_space), 1, 1},
    {NET_F_NOTSENT, FROM(tcpi_notsent_bytes), TO(notsent), 1, 1},
    {NET_F_PACING, FROM(tcpi_pacing_rate), TO(pacing_bps), 8, 1, NONE(UINT64_MAX)},
    {NET_F_DELIVERY, FROM(tcpi_delivery_rate), TO(delivery_bps), 8, 1, NONE(0)},
    {NET_F_LAST_SEND, FROM(tcpi_last_data_sent), TO(last_send_ms), 1, 1},
    {NET_F_LAST_RECV, FROM(tcpi_last_data_recv), TO(last_recv_ms), 1, 1},
    {NET_F_LAST_ACK, FROM(tcpi_last_ack_recv), TO(last_ack_ms), 1, 1},
    {NET_F_BUSY, FROM(tcpi_busy_time), TO(busy_ms), 1, 1000},
#undef FROM
#undef TO
#undef NONE
};

static void set_ca_state(struct net_socket *row, uint8_t state)
{
    static const char *const names[] = {
        [TCP_CA_Open] = "open",         [TCP_CA_Disorder] = "disorder", [TCP_CA_CWR] = "cwr",
        [TCP_CA_Recovery] = "recovery", [TCP_CA_Loss] = "loss",
    };
    if (state >= sizeof names / sizeof *names)
        return;
    strcpy(row->ca_state, names[state]);
    diag_know(row, NET_F_CA_STATE);
}

static uint64_t read_member(const struct attr *info, const struct member *m)
{
    uint64_t wide;
    uint32_t narrow;
    const char *at = (const char *)info->data + m->from;
    if (m->size == sizeof wide) {
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
    memcpy(&narrow, at, sizeof narrow);
    return narrow;
}

void diag_set_tcp_info(struct net_socket *row, const struct attr *info)
{
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct member *m = &members[i];
        if (!attr_has(info, (size_t)m->from + m->size))
            continue;
        uint64_t value = read_member(info, m);
        if (m->has_none && value == m->none)
            continue;
        value = value * m->times / m->divide;
        memcpy((char *)row + m->to, &value, sizeof value);
        diag_know(row, m->field);
    }
    if (attr_has(info, offsetof(struct tcp_info, tcpi_ca_state) + 1))
        set_ca_state(row, ((const uint8_t *)info->data)[offsetof(struct tcp_info, tcpi_ca_state)]);
}
