"""berth list against sockets that are known, and against ss."""

import json
import os
import re

import pytest

from lib import features, process

SCENE = [
    "tcp listen 127.0.0.1:0 backlog=5 reuseaddr as=srv",
    "tcp connect @srv as=c1",
    "tcp accept @srv as=a1",
    "tcp connect @srv as=waiting",
    "tcp listen [::]:0 v6only as=six",
    "tcp bind 127.0.0.1:0 as=bound",
    "udp bind 127.0.0.1:0 as=u1",
    "udp connect @u1 as=u2",
]
WAYS = ["bpf", "diag", "proc"]


def rows_of(berth, *args, **more):
    return berth("list", "--json", *args, **more).json()


def via(way):
    if way == "bpf":
        features.require(features.has_bpf)
    return ["--via", way]


@pytest.mark.parametrize("way", ["bpf", "diag"])
def test_each_socket_is_listed_as_it_is(berth, mksock, way):
    mk = mksock(*SCENE)
    rows = rows_of(berth, *via(way))
    for sock in mk:
        assert sock.differences(sock.find(rows)) == []


def test_every_state(berth, mksock):
    mk = mksock()
    for state in ["SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT", "LAST_ACK",
                  "CLOSING", "TIME_WAIT"]:
        mk.state(state)
    rows = rows_of(berth)
    for sock in mk.refresh():
        # The kernel counts a FIN that was received as a byte to read; FIONREAD doesn't.
        skip = ["recv_q"] if sock.state in ("CLOSE_WAIT", "LAST_ACK", "CLOSING") else []
        if sock.state:
            assert sock.differences(sock.find(rows), skip) == []


def test_sockets_without_a_process_are_shown_as_that(berth, mksock):
    mk = mksock()
    queued = mk.state("QUEUED")
    waiting = mk.state("TIME_WAIT")
    orphan = mk.state("LAST_ACK", "orphan", name="gone")
    rows = rows_of(berth)
    told = {name: sock.find(rows)["detached"]
            for name, sock in [("queued", queued), ("waiting", waiting), ("orphan", orphan)]}
    assert told == {"queued": "in-queue", "waiting": "time-wait", "orphan": "orphan"}


def test_listeners_come_first(berth, mksock):
    mksock(*SCENE)
    listening = [row["reach"] is not None for row in rows_of(berth)]
    assert listening == sorted(listening, reverse=True)
    assert True in listening and False in listening


@pytest.mark.parametrize("way", ["bpf", "proc"])
def test_the_ways_give_the_same_rows(berth, mksock, way):
    mksock(*SCENE)
    keys = ["proto", "state", "local", "peer", "recv_q", "send_q", "uid", "inode", "netns", "reach"]

    def told(by):
        # What /proc/net can't know at all is left out of the comparison: bound-only sockets, how
        # long a listener's queue may grow.
        rows = [row for row in rows_of(berth, *via(by)) if row["state"] != "BOUND_INACTIVE"]
        for row in rows:
            if way == "proc" and row["state"] == "LISTEN":
                row["send_q"] = None
        return sorted(json.dumps([row[key] for key in keys] +
                                 [[(o["pid"], o["fd"], o["comm"]) for o in row["owners"]]])
                      for row in rows)

    assert told(way) == told("diag")


KIN = [
    "netlink bind route groups=1", "packet-raw bind lo", "packet-dgram bind *", "raw bind 127.0.0.1 protocol=99",
    "mptcp listen 127.0.0.1:0 as=m", "mptcp connect @m as=mc", "mptcp accept @m as=ma", "mptcp listen [::1]:0",
    "tcp listen 0.0.0.0:0 device=lo", "tcp listen 0.0.0.0:0", "udp bind [::]:0 v6only device=lo", "udp bind 0.0.0.0:0",
    "udplite bind 127.0.0.1:0", "raw bind 127.0.0.1 protocol=98 device=lo", "vsock-stream listen *", "unix-dgram bind @kin"
]


@pytest.mark.parametrize("way", ["bpf", "proc"])
def test_the_ways_agree_on_the_other_kinds(berth, mksock, way):
    """The same from each; of what it has no means to know a way says nothing."""
    mk = mksock()
    for line in KIN:
        mk.need(line)
    keys = ["state", "local", "peer", "device", "reach", "reach_class", "options"]
    unknown = {"proc": [None], "bpf": []}[way]

    def told(by):
        return {(row["proto"], row["inode"]): row for row in rows_of(berth, "--all", "-O", *via(by))}

    rows, others = told(way), told("diag")
    if way == "bpf":
        assert rows.keys() == others.keys()
    for key in rows.keys() & others.keys():
        row, other = ([each[name] for name in keys[:-1]] + list(each["options"].values()) for each in (rows[key], others[key]))
        for here, there in zip(row, other):
            assert here == there or here in unknown, (key, row, other)


@pytest.mark.parametrize("way", WAYS)
def test_the_device_of_a_socket(berth, mksock, way):
    mk = mksock("tcp listen 0.0.0.0:0 device=lo as=bound", "tcp listen 0.0.0.0:0 as=free",
                "raw bind 0.0.0.0 protocol=99 device=lo as=raw", "udp bind 0.0.0.0:0 device=lo as=udp")
    words = ["--kind", "tcp,udp,raw", *via(way)]
    rows = rows_of(berth, *words, "-O")
    assert {name: mk[name].find(rows)["options"]["device"] for name in ("bound", "free", "raw", "udp")} == {
        "bound": "lo", "free": None, "raw": "lo", "udp": "lo"}
    assert {mk[name].find(rows)["reach_class"] for name in ("bound", "raw", "udp")} == {"local"}
    assert mk["free"].find(rows)["reach"] == "every interface, IPv4"
    assert not any(row["not_permitted"] for row in rows)
    lines = berth("list", *words, "-o", "local,options").lines
    assert sum("device=lo" in line for line in lines) == 3
    # Without owners and options too, and in a filter.
    assert [row["device"] for row in rows_of(berth, *words, "-o", "device", "--sort", "device")] == ["lo"] * 3 + [None]
    assert {row["inode"] for row in rows_of(berth, *words, "dev lo", "-o", "inode")} == {
        mk[name].inode for name in ("bound", "raw", "udp")}


def test_a_device_that_may_not_be_seen_narrows_reach(berth, mksock):
    mksock("tcp listen 0.0.0.0:0 device=lo as=roots")
    row, = rows_of(berth, "--via", "proc", user=process.NOBODY)
    assert row["reach"] == "every interface, IPv4, unless it is bound to one device"
    assert {"device", "reach_class"} <= set(row["not_permitted"]) and row["device"] is row["reach_class"] is None
    assert not rows_of(berth, "--via", "proc", "reach", "all", user=process.NOBODY)
    row, = rows_of(berth, "--via", "diag", user=process.NOBODY)
    assert (row["device"], row["reach"]) == ("lo", "this machine only")


def test_an_ordinary_user_sees_what_it_may(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=roots")
    row = mk["roots"].find(rows_of(berth, user=process.NOBODY))
    assert row["owners"] is None and "owners" in row["not_permitted"]
    result = berth("list", user=process.NOBODY)
    assert "?" in result.stdout and "root" in result.stderr


def test_several_holders_are_one_row(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "dup @srv", "fork count=3 keep=@srv as=kid")
    for way in ("bpf", "diag"):
        row = mk.refresh()["srv"].find(rows_of(berth, *via(way)))
        assert len(row["owners"]) >= 5
        assert mk["srv"].differences(row) == []


def test_options(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 reuseaddr reuseport keepalive keepidle=77 tos=16 as=srv")
    for way in ("bpf", "diag"):
        options = mk["srv"].find(rows_of(berth, "--options", *via(way)))["options"]
        assert options["reuseaddr"] is True and options["reuseport"] is True, way
        assert options["keepalive"] is True and options["tos"] == 16, way
        assert options["transparent"] is False, way


def test_filter_words_and_one_string_are_the_same(berth, mksock):
    mk = mksock(*SCENE)
    port = mk["srv"].port
    one = rows_of(berth, f"sport = :{port} and state listening")
    words = rows_of(berth, "sport", "=", f":{port}", "and", "state", "listening")
    assert one == words and [row["inode"] for row in one] == [mk["srv"].inode]


def test_a_bad_filter_shows_the_place(berth):
    result = berth("list", "sport = :http2x and", status=2)
    assert "^" in result.stderr and not result.stdout


def test_kinds(berth, mksock, tmp_path):
    mk = mksock(f"unix-stream listen {tmp_path}/s as=path", "unix-dgram bind @abstract as=name")
    rows = rows_of(berth, "--kind", "unix")
    assert mk["path"].find(rows)["local"]["address"] == f"{tmp_path}/s"
    assert mk["name"].find(rows)["local"]["address"] == "@abstract"
    assert berth("list", "--kind", "fax", status=2).stderr.count("fax") == 1


@pytest.mark.parametrize("words, told", [
    (["-k", ""], "there is no kind ''"), (["-o", "local,,peer"], "a column's name is missing"), (["--sort", ""], "a column's name is missing"),
    (["--netns", "pid:2147483647"], "'process 2147483647': no such process")])
def test_what_is_missing_is_said(berth, words, told):
    result = berth("list", *words, status=None)
    assert told in result.stderr and not result.stdout and result.status in (1, 2)


def test_ends_names_both_owners(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a")
    row = mk["c"].find(rows_of(berth, "--ends", f"dport = :{mk['srv'].port}"))
    assert [(o["pid"], o["fd"]) for o in row["far_owners"]] == [(mk["a"].pid, mk["a"].fd)]


def test_group_sort_top(berth, mksock):
    mksock("tcp listen 127.0.0.1:0 as=srv", "tcp connect @srv count=5 as=c")
    groups = rows_of(berth, "--group-by", "state")
    assert {g["state"]: g["count"] for g in groups}["ESTABLISHED"] == 10
    ports = [r["local"]["port"] for r in rows_of(berth, "--sort", "local")]
    assert ports == sorted(ports)
    assert len(rows_of(berth, "--top", "3")) == 3
    assert {"proto", "state", "count"} <= set(rows_of(berth, "--summary")[0])


def test_sorting_by_what_there_is(berth, mksock):
    for words, told in ((["--sort", "locl"], "no column 'locl'; did you mean 'local'?"),
                        (["--sort", "xyzzy"], "no column 'xyzzy' ('-o help' lists them)"),
                        (["-g", "state", "--sort", "local"],
                         "these groups have no column 'local'; there are state, count, recv_q and send_q")):
        assert f"cannot sort: {'there is ' if '-g' not in words else ''}{told}\n" in berth("list", *words, status=2).stderr
    assert berth("list", "--sort", "help").stdout == berth("list", "-o", "help").stdout
    assert [line.split()[0] for line in berth("list", "--summary", "--sort", "help").lines] == ["proto", "state", "count"]
    assert berth("list", "-g", "help").stdout == berth("list", "-o", "help").stdout
    mksock("unix-dgram socket", "unix-dgram bind @b", "unix-dgram bind @a")
    shown = [row["local"]["address"] for row in rows_of(berth, "--kind", "unix,netlink", "--sort", "local")]
    assert shown[:3] == [None, "@a", "@b"] and shown[3:] == sorted(shown[3:]) and len(set(shown[3:])) > 1


def test_save_and_facts(berth, mksock, tmp_path):
    mk = mksock(*SCENE)
    saved = tmp_path / "facts.json"
    berth("list", "--save", str(saved))
    there = rows_of(berth, "--facts", str(saved))
    for sock in mk:
        assert sock.differences(sock.find(there)) == []
    assert mk["srv"].find(there)["reach"] == "this machine only"


@pytest.mark.parametrize("way", WAYS)
def test_a_saved_host_has_the_same_rows(berth, mksock, tmp_path, way):
    mksock(*SCENE, "tcp listen 0.0.0.0:0 device=lo", "netlink bind route", "packet-raw bind lo", "unix-dgram bind @k")

    def told(*words):
        rows = {(row["proto"], row["inode"]): row for row in rows_of(berth, "--all", *words)}
        return {key: [row[name] for name in ("local", "peer", "device", "reach", "state", "detached")]
                for key, row in rows.items()}

    berth("list", "--all", "--save", tmp_path / "f", *via(way))
    assert told(*via(way)) == told("--facts", tmp_path / "f")


def test_what_is_saved_is_what_the_filter_chose(berth, mksock, tmp_path):
    mk = mksock(*SCENE)
    for words in (["sport", "=", f":{mk['srv'].port}"], ["udp"], ["state", "listening"], ["pid", str(mk.pid), "tcp"],
                  ["reach", "local"]):
        berth("list", "--save", tmp_path / "some.json", *words)
        saved = {row["inode"] for row in rows_of(berth, "--all", "--facts", tmp_path / "some.json")}
        assert saved and saved == {row["inode"] for row in rows_of(berth, *words)}, words


REFUSED = [
    ("--save {} --json", "--json", "a form of its own"),
    ("--save {} --jsonl", "--jsonl", "a form of its own"),
    ("--save {} -o local", "--columns", "shows no rows"),
    ("--save {} --sort local", "--sort", "shows no rows"),
    ("--save {} -g state", "--group-by", "shows no rows"),
    ("--save {} --top 3", "--top", "shows no rows"),
    ("--save {} --names", "--names", "shows no rows"),
    ("--save {} --facts /dev/null", "--facts", "read of this host"),
    ("--save {} --tcpdiag /dev/null", "--tcpdiag", "read of this host"),
    ("--facts {} --via bpf", "--via", "isn't read from the kernel"),
    ("--tcpdiag {} --via diag", "--via", "isn't read from the kernel"),
    ("--group-by state -O", "--options", "counts and the sums"),
    ("--summary -i", "--info", "counts and the sums"),
    ("--summary -g state", "--group-by", "by protocol and state"),
    ("--all --kind udp", "--kind", "every kind"),
]


@pytest.mark.parametrize("line, other, why", REFUSED)
def test_an_option_without_effect_is_refused(berth, netns, tmp_path, line, other, why):
    """With the reason, and before a file is written."""
    result = berth("list", *line.format(tmp_path / "f").split(), status=2)
    assert f"{other} " in result.stderr and "can't be given together: " in result.stderr and why in result.stderr
    assert not result.stdout and not os.listdir(tmp_path) and netns


def test_details_stand_behind_the_columns_named(berth, mksock):
    mksock(*SCENE)
    assert berth("list", "-o", "proto,local", "-O", "-i").lines[0].split() == ["PROTO", "LOCAL", "OPTIONS", "TCP-INFO"]
    assert berth("list", "-o", "options,proto", "-O").lines[0].split() == ["OPTIONS", "PROTO"]
    assert rows_of(berth, "-o", "proto", "--ends")[0].keys() == {"proto", "far_owners", "not_permitted"}


def test_save_to_a_full_disk_says_so(berth):
    result = berth("list", "--save", "/dev/full/x", status=1)
    assert "cannot save facts" in result.stderr


def test_full_stdout_is_an_error(berth, mksock):
    mksock(*SCENE)
    with open("/dev/full", "w") as full:
        result = berth("list", stdout=full, status=1)
    assert "no space left" in result.stderr


def test_a_reader_that_goes_away_ends_it_quietly(berth, mksock):
    mksock("scene connections=1000 processes=2")
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as broken:
        result = berth("list", stdout=broken, status=None)
    assert result.stderr == ""


def test_a_hostile_comm_never_reaches_the_terminal(berth, mksock, terminal):
    mksock("comm \\e[31mred\\x07", "tcp listen 127.0.0.1:0 as=srv")
    shown = berth("list", "tcp").stdout
    assert "\x1b" not in shown and "\x07" not in shown and "\\x1b[31mred" in shown


def test_all_namespaces(berth, mksock, make_netns):
    other = make_netns()
    mk = mksock("tcp listen 127.0.0.1:0 as=far", netns=other)
    assert not [r for r in rows_of(berth) if r["inode"] == mk["far"].inode]
    for way in ("bpf", "diag"):
        row = mk["far"].find(rows_of(berth, "--all-namespaces", *via(way)))
        assert mk["far"].differences(row) == []
    assert mk["far"].find(rows_of(berth, "--netns", str(mk.pid)))


def test_same_connections_as_ss(berth, mksock, netns):
    mksock(*SCENE)
    shown = netns.run("ss", "-tan").stdout.splitlines()[1:]
    by_ss = sorted((line.split()[3], line.split()[4]) for line in shown)
    ours = berth("list", "-o", "local,peer,state", "--no-header", "tcp").stdout.splitlines()
    # ss shows no bound-only sockets, and a missing peer as 0.0.0.0:* or [::]:*.
    pairs = sorted((l.split()[0], l.split()[1]) for l in ours if "BOUND_INACTIVE" not in l)
    plain = [(a, re.sub(r"^(0\.0\.0\.0|\[::\]):\*$", "-", b)) for a, b in by_ss]
    assert pairs == sorted(plain)


def test_columns(berth, mksock):
    mksock(*SCENE)
    lines = berth("list", "-o", "pid,comm,local").stdout.splitlines()
    assert lines[0].split() == ["PID", "COMM", "LOCAL"]
    assert "no column 'lokal'" in berth("list", "-o", "lokal", status=2).stderr
    assert "rtt_us" in berth("list", "-o", "help").stdout


def test_listeners_only(berth, mksock):
    mk = mksock(*SCENE)
    inodes = {row["inode"] for row in rows_of(berth, "--listeners")}
    assert inodes == {mk[name].inode for name in ("srv", "six", "u1")}


def test_a_namespace_has_a_name(berth, mksock, make_netns):
    other = make_netns()
    other.name("berthtest")
    mksock("tcp listen 127.0.0.1:0 as=far", netns=other)
    rows = rows_of(berth, "--all-namespaces", "-o", "netns,netns_name")
    assert {"netns": other.inode, "netns_name": "berthtest", "not_permitted": []} in rows


def test_ends_and_groups_count_what_matches(berth, mksock):
    mksock(*SCENE)
    groups = rows_of(berth, "--ends", "--group-by", "state", "state", "listening")
    assert [(group["state"], group["count"]) for group in groups] == [("LISTEN", 2)]


def test_what_has_no_connections_is_unconnected_not_closed(berth, mksock):
    mk = mksock("netlink bind route as=n", "udp bind 127.0.0.1:0 as=u")
    mk.need("packet-dgram bind *")
    mk.need("vsock-stream listen 31999")
    for way in ("bpf", "diag"):
        lines = berth("list", "--kind", "netlink,packet,udp,vsock", *via(way)).lines[1:]
        assert {line.split()[1] for line in lines} <= {"UNCONN", "LISTEN"}
        assert not any("*:*" in line for line in lines)


@pytest.mark.parametrize("way", ["bpf", "diag"])
def test_times_of_keepalive_only_where_it_is_on(berth, mksock, way):
    mksock("tcp listen 127.0.0.1:4444", "tcp listen 127.0.0.1:5555 keepalive keepidle=77")
    off, on = berth("list", "-o", "local,options", "--sort", "local", *via(way)).lines[1:]
    assert "keep" not in off and "keepalive keepidle_s=77" in on


@pytest.mark.parametrize("words", [["--kind", "sctp,tipc"], ["--kind", "tcp,sctp,tipc"], ["--kind", "sctp,tipc", "--via", "proc"]])
def test_a_kind_that_the_kernel_has_not_got(berth, netns, words):
    """It is told when it was asked for by name, and only then."""
    with open("/proc/net/protocols", encoding="utf-8") as file:
        listed = file.read().split("\n")
    absent = [kind for kind in ("sctp", "tipc") if not any(line.startswith(kind.upper() + " ") for line in listed)]
    told = berth("list", *words).stderr
    for kind in ("sctp", "tipc"):
        assert (f"this kernel has no {kind} sockets" in told) == (kind in absent)
    if "sctp" in absent:
        assert "no sctp sockets" in berth("list", "sctp").stderr
    for others in (["--all"], ["--kind", "inet"], ["inet"], []):
        assert "this kernel has no" not in berth("list", *others).stderr


def test_details_stand_below_on_a_narrow_terminal(berth, mksock, terminal):
    """Cut to the width they would say nothing."""
    mksock("tcp listen 127.0.0.1:4444 reuseaddr as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a")
    shown = terminal([berth.path, "list", "-O", "-i", "--color", "never", "sport = :4444"], columns=80)
    assert shown.wait() == 0
    lines = [line.rstrip() for line in shown.lines if line.strip()]
    assert lines[0].split() == ["PROTO", "STATE", "LOCAL", "PEER", "OR", "REACH", "OWNER"]
    assert any(line.startswith("    options     reuseaddr") for line in lines)
    assert "…" not in "".join(lines) and max(map(len, lines)) <= 80
    info = next(i for i, line in enumerate(lines) if line.startswith("    tcp-info    "))
    assert lines[info + 1].startswith(" " * 16)
    # Where there is room, and in a pipe, a row is a line.
    for row in (terminal([berth.path, "list", "-O", "--color", "never", "listening"], columns=200), ):
        assert row.wait() == 0 and "OPTIONS" in row.lines[0] and "reuseaddr" in row.lines[1]
    assert "OPTIONS" in berth("list", "-O", "listening").lines[0]


@pytest.mark.parametrize("columns", [60, 80])
def test_each_column_has_its_share_of_a_narrow_terminal(berth, mksock, terminal, columns):
    """No line is broken, and a long name among the addresses leaves the owners legible."""
    mk = mksock("tcp listen 127.111.112.113:44444 as=srv", "tcp connect @srv", "tcp bind 127.0.0.1:4009",
                "unix-stream listen @" + "long-name/" * 9, "tcp listen [::]:4444")
    shown = terminal([berth.path, "list", "--kind", "tcp,unix", "--color", "never"], columns=columns)
    assert shown.wait() == 0
    assert max(len(line.rstrip()) for line in shown.lines) <= columns, shown.lines
    assert all(re.search(r"(:\d+|@long\S*) ", line) for line in shown.lines[1:] if line.strip()), shown.lines
    owner = "mksock[" if columns == 60 else f"mksock[{mk.pid}"[:13]
    assert sum(owner in line for line in shown.lines) == 5


def test_a_port_is_not_cut(berth, mksock, terminal):
    mk = mksock("tcp listen 127.111.112.113:4444 as=srv", "tcp connect @srv from=127.111.112.114:50001 as=c",
                "tcp listen [::1]:4445 as=six", "tcp connect @six as=c6")
    shown = terminal([berth.path, "list", "--color", "never", "-o", "local,peer,proto,owner,inode,cookie", "established",
                      "sport = :50001"], columns=60)
    assert shown.wait() == 0
    local, peer = shown.lines[1].split()[:2]
    assert re.fullmatch(r"127\.[0-9.]*…:50001", local) and re.fullmatch(r"127\.[0-9.]*(…|113):4444", peer), shown.lines
    assert mk
