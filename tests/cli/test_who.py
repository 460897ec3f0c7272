"""berth who: every kind of holder of a port, and what has it when nobody listens."""

import re

from lib import features, process


def paragraphs(result):
    """{name[pid] or "no process": {word: text}} of the paragraphs that are shown."""
    found, current = {}, None
    for line in result.lines:
        if re.fullmatch(r"\S.*\[\d+\]|no process", line):
            current = found.setdefault(line, {})
        elif line.startswith("  ") and current is not None:
            word, text = line.split(None, 1)
            current[word] = text
    return found


def test_listener(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 backlog=5 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a",
                "tcp connect @srv as=waits")
    for target in (str(mk["srv"].port), mk["srv"].endpoint, f"{mk['srv'].port}/tcp", f"pid:{mk.pid}"):
        shown = paragraphs(berth("who", target))
        assert list(shown) == [f"mksock[{mk.pid}]"], target
        holder = shown[f"mksock[{mk.pid}]"]
        assert f"tcp {mk['srv'].endpoint} (this machine only)" in holder["listens"]
        assert "accept queue 1 of 5" in holder["listens"]
        assert holder["user"].startswith("root") and "since" in holder


def test_every_holder_has_a_paragraph(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "fork as=p keep=@srv comm=worker")
    shown = paragraphs(berth("who", mk["srv"].port))
    assert sorted(name.split("[")[0] for name in shown) == ["mksock", "worker"]


def test_nobody(berth, netns):
    result = berth("who", "9999", status=1)
    assert result.stdout == "" and "9999" in result.stderr


def test_bound_socket(berth, mksock):
    mk = mksock("tcp bind 127.0.0.1:0 as=b")
    result = berth("who", mk["b"].port)
    assert result.stdout.startswith(f"nobody listens at {mk['b'].port}, but it is taken:\n")
    assert "neither listening nor connected" in paragraphs(result)[f"mksock[{mk.pid}]"]["bound"]


def test_outgoing_connection(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "tcp connect @srv as=c")
    result = berth("who", mk["c"].port)
    assert "nobody listens" in result.stdout
    assert mk["srv"].endpoint in paragraphs(result)[f"mksock[{mk.pid}]"]["connected"]


def test_time_wait(berth, mksock):
    mk = mksock("tcp state TIME_WAIT 127.0.0.1:0 as=t", "close @t.listener")
    shown = paragraphs(berth("who", mk["t"].port))
    assert "TIME_WAIT" in shown["no process"]["remains"]


def test_udp_is_told_from_tcp(berth, mksock):
    mk = mksock("udp bind 127.0.0.1:0 as=u")
    assert f"mksock[{mk.pid}]" in paragraphs(berth("who", f"udp:{mk['u'].port}"))
    berth("who", f"tcp:{mk['u'].port}", status=1)


def test_rows(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv")
    (row,) = berth("who", mk["srv"].port, "--json").json()
    assert (row["pid"], row["comm"], row["user"]) == (mk.pid, "mksock", "root")


def test_control_characters_stay_away_from_the_terminal(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", r"fork as=p keep=@srv comm=x\e[2J cmdline=a\x1bb", "close @srv")
    shown = berth("who", mk["srv"].port).stdout
    assert "\x1b" not in shown and r"\x1b" in shown


def test_ordinary_user_is_told_what_is_missing(berth, mksock):
    features.require(features.is_root)
    mk = mksock("tcp listen 127.0.0.1:0 as=srv")
    result = berth("who", mk["srv"].port, user=process.NOBODY, status=None)
    assert result.status in (0, 3)
    assert f"127.0.0.1:{mk['srv'].port}" in result.stdout
    assert "mksock" not in result.stdout and result.stderr.startswith("berth: ")
