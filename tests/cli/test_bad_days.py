"""Everything that can go wrong around berth: processes that end, permissions, limits, full disks,
hostile names, odd terminals. It says what it knows, marks the rest, and never crashes."""

import os
import re
import subprocess

import pytest

from lib import process

SERVER = [
    "tcp listen 127.0.0.1:0 backlog=5 as=srv",
    "tcp connect @srv as=c1",
    "tcp accept @srv as=a1",
    "udp bind 127.0.0.1:0 as=u1",
]
HOSTILE = r"comm \e[31mr\x07\n\xff"
ANSWERS = [
    ["list"],
    ["list", "--json"],
    ["list", "--jsonl"],
    ["list", "--csv"],
    ["list", "--group-by", "state"],
    ["list", "--summary"],
    ["list", "--sort", "local"],
    ["list", "--ends"],
    ["list", "--save", "-"],
    ["list", "-o", "help"],
    ["who", "127.0.0.1"],
    ["who", "127.0.0.1", "--json"],
    ["free", "--dry-run", "127.0.0.1"],
    ["free", "14"],
    ["interfaces"],
    ["interfaces", "--json"],
    ["services", "80"],
    ["services", "80", "--json"],
    ["resolve", "127.0.0.1"],
    ["resolve", "127.0.0.1", "--json"],
    ["list", "--help"],
    ["help"],
    ["--version"],
]
COMMANDS = ["list", "who", "free", "interfaces", "services", "resolve"]
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def name_of(args):
    return " ".join(args)


def shell(berth, netns, text, **how):
    """berth from a shell, as $0, for what only a shell does to descriptors and limits."""
    return process.run(["sh", "-c", text, berth.path], netns=netns, **how)


# Standard descriptors.


@pytest.mark.parametrize("args", ANSWERS, ids=name_of)
def test_a_full_disk(berth, mksock, args):
    mksock(*SERVER)
    with open("/dev/full", "w", encoding="utf-8") as full:
        result = berth(*args, stdout=full, status=1)
    assert result.stderr.splitlines()[0].endswith(": no space left on device")
    assert len(result.lines if result.stdout else []) == 0


@pytest.mark.parametrize("args", ANSWERS, ids=name_of)
def test_closed_descriptors(berth, netns, mksock, args):
    mksock(*SERVER)
    words = name_of(args)
    result = shell(berth, netns, f'"$0" {words} >&-', status=1)
    assert "bad file descriptor" in result.stderr
    result = shell(berth, netns, f'"$0" {words} 2>&- <&-')
    assert result.stdout
    shell(berth, netns, f'"$0" {words} >&- 2>&- <&-', status=1)


@pytest.mark.parametrize("args", ANSWERS, ids=name_of)
def test_a_reader_that_goes_away(berth, mksock, args):
    mksock("scene connections=500 processes=2")
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as broken:
        result = berth(*args, stdout=broken, status=None)
    assert result.stderr == "" and result.status in (0, 1, -13)


# Processes that come and go.


def test_processes_that_end_while_they_are_read(berth, netns, mksock):
    mk = mksock(*SERVER)
    source = (
        "import socket\n"
        "while True:\n"
        "    s = socket.create_server(('127.0.0.1', 0))\n"
        "    import os\n"
        "    pid = os.fork()\n"
        "    if pid == 0: os._exit(0)\n"
        "    s.close(); os.waitpid(pid, 0)\n"
    )
    churn = [process.start(["/usr/bin/python3", "-c", source], netns=netns) for _ in range(2)]
    try:
        for turn in range(10):
            for way in ("best", "diag", "proc"):
                rows = berth("list", "--json", "--via", way).json()
                skip = ["cookie", "send_q"] if way == "proc" else []  # not in /proc/net
                assert mk["srv"].differences(mk["srv"].find(rows), skip) == [], turn
            assert f"mksock[{mk.pid}]" in berth("who", mk["srv"].port).stdout
    finally:
        for one in churn:
            process.end(one)


def test_a_descriptor_that_is_another_by_now(berth, netns, mksock):
    """The same numbers, opened and closed: a row never has the options or owner of another."""
    mk = mksock("tcp listen 127.0.0.1:0 keepalive as=srv")
    source = (
        "import socket\n"
        "while True:\n"
        "    s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); s.close()\n"
        "    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0))\n"
        "    s.close()\n"
    )
    churn = process.start(["/usr/bin/python3", "-c", source], netns=netns)
    try:
        for way in ("best", "diag") * 10:
            rows = berth("list", "--json", "--options", "--via", way).json()
            assert mk["srv"].find(rows)["options"]["keepalive"] is True
            for row in rows:
                if row["inode"] != mk["srv"].inode and row["owners"]:
                    assert row["owners"][0]["pid"] == churn.pid
                    assert row["options"].get("keepalive") is not True
    finally:
        process.end(churn)


# Who may not see everything.


def test_inside_a_pid_namespace(berth, netns, mksock):
    """A holder outside can't be told from none, and its port isn't free."""
    mk = mksock(*SERVER)
    inside = ["unshare", "--pid", "--fork", "--mount-proc", berth.path]
    for way in ("best", "diag", "proc"):
        result = process.run([*inside, "list", "--json", "--via", way], netns=netns)
        row = mk["srv"].find(result.json())
        assert row["owners"] is None and "owners" in row["not_permitted"]
        assert "outside this pid namespace" in result.stderr
    result = process.run([*inside, "free", "--yes", mk["srv"].port], netns=netns, status=3)
    assert "is free" not in result.stdout
    assert "you may not see (maybe outside this pid namespace)" in result.stdout
    assert "the process may not be seen (maybe outside this pid namespace)" in result.stderr
    os.kill(mk.pid, 0)


def test_a_holder_in_a_pid_namespace(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "fork as=p keep=@srv pidns", "close @srv")
    shown = berth("who", mk["srv"].port).stdout
    assert f"[{mk.processes['p']}]" in shown


def test_hidepid(berth, netns, mksock):
    theirs = mksock(*SERVER)
    own = mksock("tcp listen 127.0.0.1:0 as=srv", user=process.NOBODY)
    path = berth.path_for(process.NOBODY)
    ids = f"--reuid={process.NOBODY} --regid={process.NOBODY} --clear-groups"

    def hidden(words, **how):
        script = f"mount -t proc -o hidepid=2 proc /proc && exec setpriv {ids} {path} {words}"
        return process.run(["unshare", "--mount", "sh", "-c", script], netns=netns, **how)

    result = hidden("list --json")
    assert theirs["srv"].find(result.json())["not_permitted"] != []
    assert own["srv"].differences(own["srv"].find(result.json())) == []
    assert "hidepid" in result.stderr
    assert "may not see" in hidden(f"who {theirs['srv'].port}").stdout
    assert f"[{own.pid}]" in hidden(f"who {own['srv'].port}").stdout


def test_without_proc(berth, netns, mksock):
    if process.is_sanitized(berth.path):
        pytest.skip("not here: the check for leaks reads /proc")
    mk = mksock(*SERVER)

    def blind(words, **how):
        script = f'umount -l /proc && exec "$0" {words}'
        return process.run(
            ["unshare", "--mount", "sh", "-c", script, berth.path], netns=netns, **how
        )

    result = blind("list --json")
    row = mk["srv"].find(result.json())
    assert row["owners"] is None and row["not_permitted"] == ["owners"]
    assert "/proc is not mounted" in result.stderr
    assert "may not see (/proc is not mounted)" in blind(f"who {mk['srv'].port}").stdout
    blind(f"free --yes {mk['srv'].port}", status=3)
    for words in ("interfaces", "services 80", "resolve 127.0.0.1"):
        assert blind(words).stdout
    assert "/proc/net" in blind("list --via proc").stderr


def test_root_is_not_told_to_be_root(berth, mksock):
    """It is told what it lacks."""
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", user=process.NOBODY)
    port = mk["srv"].port
    fewer = ["all"]
    result = berth("who", port, without=fewer)
    assert "a process that you may not see (root lacks CAP_SYS_PTRACE here)" in result.stdout
    result = berth("free", port, "--yes", without=fewer, status=3)
    assert "nothing was ended: the process may not be seen (root lacks CAP_SYS_PTRACE here)" in result.stderr
    result = berth("free", port, "--yes", without=["kill"], status=3)
    assert "nothing was ended; root lacks CAP_KILL here" in result.stderr
    result = berth("listen", port, without=fewer, status=1)
    assert "whose it is may not be seen (root lacks CAP_SYS_PTRACE here)" in result.stderr
    result = berth("list", "comm = mksock", without=fewer)
    assert "may not be seen (root lacks CAP_SYS_PTRACE here)" in result.stderr
    result = berth("listen", "127.0.0.1:14", without=fewer, status=3)
    assert "CAP_NET_BIND_SERVICE, which root lacks here" in result.stderr
    result = berth("who", port, user=process.NOBODY + 1)
    assert "(run as root)" in result.stdout


CAPABILITIES = [
    "sys_ptrace", "bpf", "perfmon", "net_admin", "net_raw", "sys_admin", "sys_resource", "kill",
    "dac_override", "dac_read_search", "setuid", "all",
]


@pytest.mark.parametrize("dropped", CAPABILITIES)
def test_without_one_capability(berth, mksock, dropped):
    """Each row is right all the same, or says what may not be seen and the hint what would."""
    mk = mksock(*SERVER)
    others = mksock("tcp listen 127.0.0.1:0 keepalive as=theirs", user=process.NOBODY)
    result = berth("list", "--json", "--options", without=[dropped])
    rows = result.json()
    for sock in [*mk, *others]:
        row = sock.find(rows)
        hidden = "owners" in row["not_permitted"]
        assert sock.differences(row, ["owners"] if hidden else []) == []
        assert not hidden or "CAP_SYS_PTRACE" in result.stderr
    if "owners" not in others["theirs"].find(rows)["not_permitted"]:
        options = others["theirs"].find(rows)["options"]
        assert options.get("keepalive") is True or "CAP_SYS_PTRACE" in result.stderr
    assert result.stderr.count("\n") <= 2
    berth("interfaces", without=[dropped])
    berth("who", mk["srv"].port, without=[dropped])


def test_nothing_is_permitted(berth, mksock):
    mk = mksock(*SERVER)
    rows = berth("list", "--json", user=process.NOBODY).json()
    for sock in mk:
        assert sock.differences(sock.find(rows), ["owners"]) == []
        assert sock.find(rows)["not_permitted"] == ["owners"]
    result = berth("list", "--via", "bpf", user=process.NOBODY, status=None)
    assert result.status in (1, 3) and result.stderr.count("\n") == 1
    for form in [["--json"], ["--csv"], ["--summary"], ["--sort", "uid"], []]:
        assert berth("list", "--via", "bpf", *form, user=process.NOBODY, status=None).stdout == ""


def test_options_that_may_not_be_seen_are_counted_once(berth, mksock):
    """Only of rows that are shown."""
    mk = mksock(*SERVER)
    result = berth("list", f"sport = :{mk['srv'].port} and listening", user=process.NOBODY)
    assert "owners of 1 socket " in result.stderr


# Limits.


@pytest.mark.parametrize("files", [4, 5, 6, 7, 8, 10, 16, 64])
def test_few_descriptors(berth, netns, mksock, files):
    mk = mksock(*SERVER)
    result = shell(berth, netns, f'ulimit -n {files}; exec "$0" list --json', status=None)
    if result.status == 0:
        assert mk["srv"].differences(mk["srv"].find(result.json())) == []
    else:
        assert result.status == 1 and "too many open files" in result.stderr
        assert files < 8


@pytest.mark.parametrize("kilobytes", [3000, 4000, 5000, 6000, 8000, 12000, 20000])
def test_little_memory(berth, netns, mksock, kilobytes):
    """Small stacks of memory end in a message, or the right rows; never in a crash."""
    if "asan" in os.environ.get("ASAN_OPTIONS", "") or process.is_sanitized(berth.path):
        pytest.skip("not here: a sanitizer wants all the addresses that there are")
    mksock("scene connections=2000 processes=2")
    result = shell(berth, netns, f'ulimit -v {kilobytes}; exec "$0" list --sort local',
                   status=None)
    if result.status not in (0, 127):  # 127: not even the program could be loaded
        assert result.status == 1 and "cannot allocate memory" in result.stderr


# What processes call themselves.


def shown_everywhere(berth, port):
    yield berth("list").stdout
    yield berth("list", "--group-by", "comm").stdout
    yield berth("list", "-o", "comm,cmdline,user,owner").stdout
    yield berth("who", port).stdout
    yield berth("who", port, "-o", "comm,cmdline").stdout
    yield berth("free", "--dry-run", port).stdout
    yield berth("services", port, status=1).stdout


def test_a_hostile_comm(berth, mksock):
    mk = mksock(HOSTILE, *SERVER)
    for text in shown_everywhere(berth, mk["srv"].port):
        assert not CONTROL.search(text), text
    assert r"\x1b[31mr\x07\x0a\xff" in berth("who", mk["srv"].port).stdout
    rows = berth("list", "--json").json()
    assert mk["srv"].find(rows)["owners"][0]["comm"].startswith("\x1b[31mr\x07\n")


@pytest.mark.parametrize("words", [["list"], ["list", "--csv"], ["list", "--json"],
                                   ["who", "127.0.0.1"], ["free", "127.0.0.1"]], ids=name_of)
def test_a_hostile_comm_on_a_terminal(berth, mksock, terminal, words):
    mksock(HOSTILE, "tcp listen 127.0.0.1:0 as=srv")
    shown = terminal([berth.path, *words], columns=200)
    if words[0] == "free":
        shown.expect(r"\[y/N\]")
        shown.type("n\n")
    shown.wait()
    plain = re.sub("\x1b\\[[0-9;]*[mK]", "", re.sub("\r+\n", "\n", shown.shown))
    assert not CONTROL.search(plain), plain
    assert "\x1b[31mr" not in shown.shown and r"[31mr" in shown.shown


def test_a_hostile_unix_path(berth, mksock, tmp_path):
    mksock(r"unix-stream listen @a\e[2Jb\n as=x", rf"unix-stream listen {tmp_path}/\e]0;t\x07 as=y")
    for args in (["list", "--kind", "unix"], ["list", "-k", "unix", "--json"], ["who", "mksock"]):
        assert not CONTROL.search(berth(*args).stdout)


@pytest.mark.parametrize("length", [4095, 4096, 5000, 100000])
def test_a_long_command_line(berth, netns, length):
    source = "import socket,sys; s=socket.create_server(('127.0.0.1',0)); print(s.getsockname()[1],flush=True); sys.stdin.read()"
    long = process.start(["/usr/bin/python3", "-c", source, "x" * length + "END"], netns=netns,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        port = long.stdout.readline().strip()
        for way in ("best", "diag"):
            row = berth("list", "--json", "--via", way, f"sport = :{port}").json()[0]
            line = row["owners"][0]["cmdline"]
            assert line.count("x") >= min(length, 60000)
            assert line.endswith("END") or length == 100000
        assert "x" * min(length, 60000) in berth("who", port).stdout
    finally:
        process.end(long)


def test_a_command_line_that_is_empty(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", r"fork as=p keep=@srv cmdline=\x20", "close @srv")
    assert f"[{mk.processes['p']}]" in berth("who", mk["srv"].port).stdout


# Arguments.

WRONG = [
    ["--no-such"],
    ["--json=1"],
    ["--via"],
    ["--via", "telepathy"],
    ["--color", "pink"],
    ["-o"],
    ["-o", "no,such"],
    ["-o", ","],
    ["--json", "--csv"],
    ["--facts", "x", "--all-namespaces"],
    ["--timeout", "soon"],
    ["--timeout", "-1s"],
    ["--top", "0"],
    ["--top", "99999999999999999999"],
    ["--kind", "fax"],
    ["--kind", ",tcp"],
    ["--sort", "-"],
    ["--sort", "nosuch"],
    ["--group-by", "\x1b[31m"],
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("words", WRONG, ids=ascii)
def test_wrong_arguments(berth, netns, command, words):
    target = [] if command in ("list", "interfaces") else ["14"]
    result = berth(command, *target, *words, status=2)
    first, *rest = result.stderr.splitlines()
    assert first.startswith(f"berth {command}: ")
    assert rest == [f"Try 'berth {command} --help'."]
    assert result.stdout == "" and not CONTROL.search(result.stderr)
    assert netns


@pytest.mark.parametrize("command", ["who", "free", "resolve"])
def test_missing_words(berth, command):
    assert "--help" in berth(command, status=2).stderr


@pytest.mark.parametrize("word", ["", " ", "(", "not", "\xff\xfe", "a" * 5000, "99999", "-",
                                  "sport = :1 or", "[::1", "1-0", "pid:", "pid:x", "udp:"], ids=ascii)
def test_targets_that_make_no_sense(berth, netns, word):
    for command in ("list", "who", "free"):
        result = berth(command, "--", word, status=None)
        assert result.status in (0, 1, 2), result
        assert not CONTROL.search(result.stdout + result.stderr)
        if result.status == 2:
            assert result.stdout == "" and result.stderr
    assert netns


def test_a_target_that_is_not_utf8(berth, netns):
    result = process.run([berth.path, "who", b"\x1b\xff".decode(errors="surrogateescape")],
                         netns=netns, status=None)
    assert result.status in (1, 2) and "\x1b" not in result.stderr


# Locales and terminals.


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX", "xx_YY.nonsense"])
def test_locales(berth, mksock, locale):
    mk = mksock("comm na\\xc3\\xafve", *SERVER)
    for args in (["list"], ["who", mk["srv"].port], ["--help"], ["interfaces"]):
        assert berth(*args, env={"LC_ALL": locale}).stdout
    shown = berth("who", mk["srv"].port, env={"LC_ALL": locale}).stdout
    assert "naïve[" in shown
    full = berth("list", env={"LC_ALL": locale, "LANG": "de_DE"}, status=0)
    assert "naïve[" in full.stdout


@pytest.mark.parametrize("columns", [20, 40, 80])
@pytest.mark.parametrize("args", [["list"], ["list", "--extended"], ["interfaces"],
                                  ["services", "80-90"]], ids=name_of)
def test_narrow_terminals(berth, mksock, terminal, columns, args):
    mksock(*SERVER, "tcp listen [::1]:0 as=six")
    shown = terminal([berth.path, *args], columns=columns)
    assert shown.wait() == 0 and shown.lines
    if args == ["list"]:
        plain = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in shown.lines]
        # What identifies a row isn't cut: it may be wider than so small a terminal.
        assert columns < 80 or max(map(len, plain)) <= columns


@pytest.mark.parametrize("columns", [80, 100, 120, 200])
def test_a_terminal_shows_who_and_how_far(berth, mksock, terminal, columns):
    """Owner and reach are what one came for: neither is cut to a stump."""
    mk = mksock("tcp listen 127.0.0.1:4444 as=srv", "tcp connect @srv as=c")
    shown = terminal([berth.path, "list", "--color", "never"], columns=columns)
    assert shown.wait() == 0
    lines = "\n".join(shown.lines)
    assert f"mksock[{mk.pid}]/{mk['srv'].fd}" in lines and "this machine only" in lines
    assert mk["c"].peer["address"] in lines and "ESTABLISHED" in lines
    assert ("RECV-Q" in lines) == (columns >= 100)


@pytest.mark.parametrize("env, coloured", [({}, True), ({"NO_COLOR": "1"}, False),
                                           ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)])
def test_colours(berth, mksock, terminal, env, coloured):
    mksock(*SERVER)
    for args in (["list"], ["interfaces"]):
        shown = terminal([berth.path, *args], env=env)
        assert shown.wait() == 0
        assert not re.search("\x1b", shown.shown) or coloured
    assert ("\x1b[" in terminal_list(berth, terminal, env)) == coloured


def terminal_list(berth, terminal, env):
    shown = terminal([berth.path, "list"], env=env)
    shown.wait()
    return shown.shown


def test_pagers(berth, mksock, terminal):
    mk = mksock(*SERVER)
    shown = terminal([berth.path, "list", "--pager"], env={"PAGER": "sed s/^/paged:/"})
    assert shown.wait() == 0 and "paged:" in shown.shown and str(mk["srv"].port) in shown.shown
    shown = terminal([berth.path, "list", "--pager"], env={"PAGER": "head -1"})
    assert shown.wait() == 0
    shown = terminal([berth.path, "list", "--pager"], env={"PAGER": "/nonexistent/pager"})
    assert shown.wait() in (0, 1) and "pager" in shown.shown
    assert "paged:" not in berth("list", "--pager", env={"PAGER": "sed s/^/paged:/"}).stdout


# Namespaces that vanish, facts that aren't.


@pytest.mark.parametrize("name", ["no-such", "999999999", "", "../../etc", "\x1b[31m"], ids=ascii)
def test_a_namespace_that_is_none(berth, netns, name):
    result = berth("list", "--netns", name, status=1)
    assert result.stderr.count("\n") == 1 and "\x1b" not in result.stderr
    assert result.stdout == "" and netns


def test_namespaces_that_go_while_they_are_read(berth, mksock, make_netns):
    mk = mksock(*SERVER)
    for _ in range(5):
        other = make_netns()
        running = berth.start("list", "--all-namespaces", "--json", stdout=subprocess.PIPE)
        other.close()
        out, _ = running.communicate(timeout=60)
        assert running.returncode == 0 and str(mk["srv"].inode) in out
