"""berth connect: --hexdump, --record, --replay and --progress."""

import re
import time

import pytest

from lib.peers import Peer, read_all


@pytest.fixture
def peer(netns):
    made = []

    def make(serve, **how):
        made.append(Peer(serve, netns=netns, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


def dialogue(connection):
    connection.sendall(b"220 hello\n")
    first = connection.recv(100)
    time.sleep(0.3)
    connection.sendall(b"\xff\0" + first)
    read_all(connection)


def events(path):
    """(direction, seconds, bytes) of each event of a recording."""
    data = path.read_bytes()
    head, data = data.split(b"\n", 1)
    assert head == b"berth-record 1"
    found = []
    while data:
        line, data = data.split(b"\n", 1)
        direction, seconds, n = line.decode().split(" ")
        assert re.fullmatch(r"\d+\.\d{9}", seconds)
        found.append((direction, float(seconds), data[: int(n)]))
        assert data[int(n) : int(n) + 1] == b"\n"
        data = data[int(n) + 1 :]
    return found


def test_record(berth, peer, tmp_path):
    at = peer(dialogue)
    file = tmp_path / "talk"
    berth("connect", "--record", file, "--crlf", f"127.0.0.1:{at.port}", input="EHLO\n")
    got = events(file)
    assert b"".join(b for d, _, b in got if d == ">") == b"EHLO\r\n"
    assert b"".join(b for d, _, b in got if d == "<") == b"220 hello\n\xff\0EHLO\r\n"
    times = [seconds for _, seconds, _ in got]
    assert times == sorted(times) and 0.25 < times[-1] < 10


def test_hexdump(berth, peer, tmp_path):
    at = peer(dialogue)
    file = tmp_path / "hex"
    berth("connect", "--hexdump", file, f"127.0.0.1:{at.port}", input="EHLO\n")
    text = file.read_text()
    assert re.search(
        r"^< \d+\.\d{6} 00000000  32 32 30 20 68 65 6c 6c  6f 0a {20}\|220 hello\.\|$", text, re.M
    )
    assert re.search(r"^> \d+\.\d{6} 00000000  45 48 4c 4f 0a .*\|EHLO\.\|$", text, re.M)
    assert re.search(r"^< \d+\.\d{6} 0000000a  ff 00 45 ", text, re.M)
    shown = berth("connect", "--hexdump", "-", f"127.0.0.1:{at.port}", input="EHLO\n")
    assert "00000000  45 48 4c 4f 0a" in shown.stderr


def test_replay_keeps_the_times(berth, peer, tmp_path):
    got = []

    def serve(connection):
        start = time.monotonic()
        while part := connection.recv(100):
            got.append((time.monotonic() - start, part))

    at = peer(serve)
    file = tmp_path / "talk"
    file.write_bytes(b"berth-record 1\n> 0.000000000 3\none\n> 0.400000000 4\nt\nwo\n")
    berth("connect", "--replay", file, f"127.0.0.1:{at.port}")
    assert [part for _, part in got] == [b"one", b"t\nwo"]
    assert 0.3 <= got[1][0] - got[0][0] < 5


def test_replay_waits_for_what_came_before(berth, peer, tmp_path):
    got = []

    def slow(connection):
        time.sleep(0.4)
        connection.sendall(b"go")
        start = time.monotonic()
        got.append(connection.recv(100))
        got.append(time.monotonic() - start)

    at = peer(slow)
    file = tmp_path / "talk"
    file.write_bytes(b"berth-record 1\n< 0.000000100 2\ngo\n> 0.000000200 3\none\n")
    start = time.monotonic()
    berth("connect", "--replay", file, f"127.0.0.1:{at.port}")
    assert got[0] == b"one" and got[1] < 2
    assert time.monotonic() - start >= 0.35


def test_record_then_replay(berth, peer, tmp_path):
    at = peer(dialogue)
    file, again = tmp_path / "talk", tmp_path / "again"
    first = berth("connect", "--record", file, f"127.0.0.1:{at.port}", input="EHLO\n")
    second = berth("connect", "--replay", file, "--record", again, f"127.0.0.1:{at.port}")
    assert second.stdout == first.stdout
    for direction in "<>":
        one, two = (
            b"".join(b for d, _, b in events(path) if d == direction) for path in (file, again)
        )
        assert one == two


@pytest.mark.parametrize(
    "text",
    [b"", b"berth-record 2\n", b"berth-record 1\n> 0.0 1\na\n", b"berth-record 1\n> 0.000000000 9\na\n",
     b"berth-record 1\n> 0.000000000 1\nab\n", b"berth-record 1\n? 0.000000000 1\na\n"],
)
def test_replay_of_no_recording(berth, netns, tmp_path, text):
    file = tmp_path / "talk"
    file.write_bytes(text)
    result = berth("connect", "--replay", file, "127.0.0.1:1", status=1)
    assert "it is no recording, or broken behind byte" in result.stderr


def test_full_disk_is_told(berth, peer):
    at = peer(dialogue)
    result = berth("connect", "--record", "/dev/full", f"127.0.0.1:{at.port}", input="x", status=1)
    assert "cannot write '/dev/full': no space left" in result.stderr
    assert "220 hello" in result.stdout


def test_progress_on_a_terminal(berth, peer, terminal, tmp_path):
    def slow(connection):
        connection.recv(10)
        time.sleep(1.2)
        read_all(connection)

    at = peer(slow)
    (tmp_path / "file").write_bytes(bytes(20 << 20))
    to = f"127.0.0.1:{at.port}"
    shown = terminal([berth.path, "connect", "--progress", "--send-file", tmp_path / "file", to])
    shown.expect(r"MiB of 20\.0 MiB sent, 0 B received, .*/s, ")
    assert shown.wait() == 0
    assert re.search(r"20\.0 MiB of 20\.0 MiB sent, 0 B received, [0-9.]+ MiB/s, 1\.\ds", shown.shown)


def test_no_progress_elsewhere(berth, peer):
    at = peer(lambda connection: connection.sendall(b"x"))
    assert berth("connect", "--progress", f"127.0.0.1:{at.port}").stderr == ""
