"""Facts: a saved host answers as the live one did; a file that isn't one is an error in a line."""

import json
import os
import stat
import subprocess

import pytest

from lib import process

SCENE = [
    "tcp listen 127.0.0.1:0 backlog=5 reuseaddr keepalive as=srv",
    "tcp connect @srv as=c1",
    "tcp accept @srv as=a1",
    "tcp listen [::]:0 v6only as=six",
    "tcp bind 127.0.0.1:0 as=bound",
    "udp bind 127.0.0.1:0 as=u1",
    "udp connect @u1 as=u2",
    "unix-stream listen @berth-facts as=name",
    "fork keep=@srv as=kid",
]


@pytest.fixture
def host(berth, mksock, tmp_path):
    """(mksock, the file that the host with its sockets was saved in)"""
    mk = mksock(*SCENE)
    path = tmp_path / "host.json"
    berth("list", "--all", "--save", path)
    return mk.refresh(), path


def in_order(rows):
    for row in rows:
        row.pop("timer_ms", None)  # it runs
    return sorted(rows, key=lambda row: (row["inode"] or 0, json.dumps(row["local"])))


FILTERS = [
    [],
    ["--kind", "unix"],
    ["--kind", "unix,tcp,udp"],
    ["-4"],
    ["-6"],
    ["listening"],
    ["established"],
    ["sport = :{port}"],
    ["dport = :{port}"],
    ["src 127.0.0.0/8 and not listening"],
    ["mksock"],
    ["pid = {pid}"],
    ["@root"],
    ["state bound-inactive"],
    ["autobound"],
    ["recvq > 0"],
    ["inode = {inode}"],
    ["--listeners"],
    ["tcp"],
    ["udp"],
]


@pytest.mark.parametrize("words", FILTERS, ids=" ".join)
def test_list_is_as_it_was(berth, host, words):
    mk, path = host
    words = [w.format(port=mk["srv"].port, pid=mk.pid, inode=mk["srv"].inode) for w in words]
    live = berth("list", "--json", *words).json()
    saved = berth("list", "--json", "--facts", path, *words).json()
    assert in_order(saved) == in_order(live)
    assert live or words in (["recvq > 0"],)


def test_options_and_info_are_as_they_were(berth, host):
    mk, path = host
    live = berth("list", "--json", "--options", "tcp").json()
    saved = berth("list", "--json", "--options", "--facts", path, "tcp").json()
    for name in ("srv", "c1", "six", "bound"):
        assert mk[name].find(saved)["options"] == mk[name].find(live)["options"], name
    table = berth("list", "--extended", "--facts", path).stdout
    assert str(mk["srv"].port) in table and "reuseaddr" in table


def test_who_is_as_it_was(berth, host):
    mk, path = host
    for target in (str(mk["srv"].port), f"pid:{mk.pid}", "127.0.0.1", "mksock"):
        live = berth("who", target, "--json").json()
        saved = berth("who", target, "--json", "--facts", path).json()
        by_pid = {row["pid"]: row for row in saved}
        assert {row["pid"] for row in live} == set(by_pid)
        for row in live:
            assert in_order(by_pid[row["pid"]].pop("sockets")) == in_order(row.pop("sockets"))
            assert by_pid[row["pid"]] == row
    assert "listens    tcp" in berth("who", mk["srv"].port, "--facts", path).stdout


def test_the_saved_host_stays_when_its_processes_are_gone(berth, host):
    mk, path = host
    mk.close()
    shown = berth("who", mk["srv"].port, "--facts", path).stdout
    assert f"[{mk.pid}]" in shown and "since" in shown
    berth("who", "14", "--facts", path, status=1)


def test_a_file_may_come_from_a_pipe(berth, host):
    _, path = host
    text = path.read_text(encoding="utf-8")
    one = berth("list", "--json", "--facts", "-", input=text).json()
    assert one == berth("list", "--json", "--facts", path).json()


def test_what_an_ordinary_user_could_not_see_stays_so(berth, mksock, tmp_path):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv")
    path = tmp_path / "facts.json"
    path.write_text(berth("list", "--save", "-", user=process.NOBODY).stdout, encoding="utf-8")
    row = mk["srv"].find(berth("list", "--json", "--facts", path).json())
    assert row["owners"] is None and "owners" in row["not_permitted"]
    assert "?" in berth("list", "--facts", path).stdout


BROKEN = {
    "empty": "",
    "no JSON": "PROTO STATE",
    "a list": "[]",
    "a number": "1",
    "other JSON": "{}",
    "a later version": '{"berth_facts":2}',
    "a text for a version": '{"berth_facts":"1"}',
    "sockets that are none": '{"berth_facts":1,"sockets":[{}]}',
    "a protocol": '{"berth_facts":1,"sockets":[{"proto":"\\u001b[31m","state":"LISTEN"}]}',
    "a port": '{"berth_facts":1,"sockets":[{"proto":"tcp","state":"LISTEN","family":2,'
              '"local":{"address":"1.2.3.4","port":65536}}]}',
    "an address": '{"berth_facts":1,"sockets":[{"proto":"tcp","state":"LISTEN","family":2,'
                  '"local":{"address":"1.2.3.4.5","port":1}}]}',
    "a NUL": '{"berth_facts":1,\0}',
    "not UTF-8": b'{"berth_facts":1,"host":{"hostname":"\xff"}}',
    "deep": "[" * 5000,
    "cut": None,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_clear_line(berth, host, tmp_path, name):
    _, whole = host
    path = tmp_path / "broken.json"
    text = BROKEN[name]
    if text is None:
        text = whole.read_bytes()[:-10]
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    for args in (["list"], ["list", "--json"], ["who", "80"]):
        result = berth(*args, "--facts", path, status=1)
        assert result.stdout == "" and result.stderr.count("\n") == 1
        assert result.stderr.startswith("berth: cannot ") and str(path) in result.stderr
        assert "\x1b" not in result.stderr


@pytest.mark.parametrize("version, remedy", [(2, "a later berth, or save"), (0, "save the host again")])
def test_a_file_of_another_version(berth, tmp_path, version, remedy):
    """Which it has, which is read, and what to do."""
    path = tmp_path / "other.json"
    path.write_text(json.dumps({"berth_facts": version}))
    told = berth("list", "--facts", path, status=1).stderr
    assert f"the file is of version {version}, this berth (" in told and ") reads version 1; " in told
    assert remedy in told and "invalid argument" not in told
    path.write_text("{}")
    assert "berth list --save didn't write it" in berth("list", "--facts", path, status=1).stderr


@pytest.mark.parametrize("path", ["/nonexistent", "/", "/dev/null"])
def test_a_file_that_cannot_be_read(berth, netns, path):
    result = berth("list", "--facts", path, status=1)
    assert result.stderr.count("\n") == 1 and result.stdout == "" and netns


def test_every_cut_is_an_error(berth, host, tmp_path):
    """At a few places all over the file."""
    _, whole = host
    content = whole.read_bytes().rstrip()
    path = tmp_path / "cut.json"
    for part in range(1, 20):
        path.write_bytes(content[: len(content) * part // 20])
        assert berth("list", "--facts", path, status=1).stderr.count("\n") == 1


def test_saving_where_nothing_can_be_written(berth, netns, tmp_path):
    for path in ("/nonexistent/file", "/proc/file", str(tmp_path)):
        result = berth("list", "--save", path, status=1)
        assert result.stderr.startswith("berth: cannot ") and path in result.stderr
    assert netns and not list(tmp_path.iterdir())


def test_a_setting_of_any_length_is_saved(berth, netns, tmp_path):
    """The kernel tells such a list in one read, or the rest of it never."""
    name = "net.ipv4.ip_local_reserved_ports"
    ports = ",".join(str(port) for port in range(1, 30000, 2))
    with netns.inside(), open("/proc/sys/" + name.replace(".", "/"), "r+b", buffering=0) as f:
        while ports:
            ports = ports[f.write(ports.encode()):]
        f.seek(0)
        there = f.read(1 << 18).decode().strip()
    path = tmp_path / "host.json"
    berth("list", "--save", path)
    assert len(there) > 65536
    assert json.loads(path.read_text())["sysctls"][name] == there


def saved(path):
    return json.loads(path.read_text(encoding="utf-8"))["berth_facts"]


def test_a_link_leads_to_what_is_saved(berth, netns, tmp_path):
    (tmp_path / "old").write_text("old")
    before = (tmp_path / "old").stat().st_ino
    for name in ("old", "new"):
        link = tmp_path / ("to-" + name)
        link.symlink_to(name)
        berth("list", "--save", link)
        assert link.is_symlink() and saved(tmp_path / name) == 1
    assert (tmp_path / "old").stat().st_ino != before  # moved there when it was whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old", "to-new", "to-old"]


def test_a_pipe_is_written_to(berth, netns, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as reader:
        try:
            berth("list", "--save", path)
            assert stat.S_ISFIFO(path.stat().st_mode)
            assert json.loads(reader.stdout.read())["berth_facts"] == 1
        finally:
            reader.kill()


def test_a_device_is_written_to(berth, netns, tmp_path):
    """One that is always full: what can't be saved is an error."""
    path = tmp_path / "full"
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 7))
        path.open("wb").close()
    except OSError as error:
        pytest.skip(f"no devices here: {error}")
    shown = berth("list", "--save", path, status=1)
    assert "cannot save facts to" in shown.stderr and "no space left on device" in shown.stderr
    assert stat.S_ISCHR(path.stat().st_mode) and list(tmp_path.iterdir()) == [path]


def test_standard_output_by_its_path(berth, netns, tmp_path):
    path = tmp_path / "stdout"  # as /dev/stdout is made
    path.symlink_to("/proc/self/fd/1")
    assert json.loads(berth("list", "--save", path).stdout)["berth_facts"] == 1
    assert path.is_symlink()


def test_a_folder_is_refused(berth, netns, tmp_path):
    berth("list", "--save", tmp_path, status=1)
    assert list(tmp_path.iterdir()) == []
