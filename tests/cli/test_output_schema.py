"""The documented keys of --json (docs/output.md, docs/output.schema.json) and the real ones are the
same, for each command, and real rows are what the schema says. Bytes of any kind are valid output."""

import csv
import io
import json
import re
from pathlib import Path

import jsonschema
import pytest

from lib import features, process

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCHEMA = json.loads((DOCS / "output.schema.json").read_text())
SOCKET = SCHEMA["$defs"]["socket"]["properties"]
COLUMNS = [key for key in SOCKET if key != "not_permitted"]

SCENE = (
    "tcp listen 127.0.0.1:0 backlog=5 reuseaddr as=srv",
    "tcp connect @srv as=c1",
    "tcp accept @srv as=a1",
    "tcp listen [::]:0 as=any",
    "tcp state TIME_WAIT as=tw",
    "udp bind 127.0.0.1:0",
    "unix-stream listen @schema-test",
    "unix-dgram pair",
    "netlink bind route",
)


@pytest.fixture(autouse=True)
def _list(request):
    """Those that run berth need its `list`."""
    if "berth" in request.fixturenames:
        berth = request.getfixturevalue("berth")
        if berth("list", "--help", status=None).status != 0:
            pytest.skip("this berth has no `list`")


def definition(name):
    """The schema of one of its definitions."""
    return {"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]}


def check(rows, schema):
    jsonschema.Draft202012Validator(schema).validate(rows)


def resolve(schema):
    """A property's own schema, where it is said elsewhere."""
    while "$ref" in schema:
        target = SCHEMA
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = target
    return schema


def check_not_permitted(row):
    for path in row["not_permitted"]:
        value = row
        for key in path.split("."):
            assert key in value, path
            value = value[key]
        assert value is None, path


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_default_rows(berth, mksock):
    mksock(*SCENE)
    rows = berth("list", "--all", "--json").json()
    assert {"tcp", "udp", "unix-stream", "unix-dgram", "netlink"} <= {r["proto"] for r in rows}
    check(rows, SCHEMA)
    required = SCHEMA["$defs"]["default_socket"]["required"]
    for row in rows:
        assert list(row) == required
        check_not_permitted(row)


def test_every_column_is_in_the_schema_and_each_of_the_schema_is_one(berth):
    shown = [line.split()[0] for line in berth("list", "-o", "help").lines]
    assert shown == COLUMNS


@pytest.mark.parametrize("command", ["list", "interfaces", "services", "resolve", "who", "scan", "doctor"])
def test_every_column_has_a_help_line(berth, command):
    for line in berth(command, "-o", "help").lines:
        key, *words = line.split()
        assert words, f"{command} -o help says nothing about {key}"


def test_all_columns(berth, mksock):
    mksock(*SCENE)
    rows = berth("list", "--all", "-o", "all", "--json").json()
    check(rows, {"type": "array", "items": {"$ref": "#/$defs/socket"}, "$defs": SCHEMA["$defs"]})
    assert all(list(row) == list(SOCKET) for row in rows)
    for group in ("options", "timers", "memory", "tcp_info"):
        documented = list(SOCKET[group]["properties"])
        assert all(list(row[group]) == documented for row in rows if row[group])
    assert any(row["tcp_info"] and row["tcp_info"]["rtt_us"] is not None for row in rows)
    assert any(row["owners"] for row in rows)


def test_extended(berth, mksock):
    mksock(*SCENE)
    rows = berth("list", "--all", "--extended", "--ends", "--json").json()
    check(rows, SCHEMA)


def test_lines(berth, mksock):
    mksock(*SCENE)
    rows = berth("list", "--all", "--jsonl").jsonl()
    assert rows
    for row in rows:
        check(row, definition("default_socket"))


def test_an_empty_list_is_an_array(berth, netns):
    assert berth("list", "--json").json() == []
    assert berth("list", "--jsonl").stdout == ""


def test_what_may_not_be_seen(berth, mksock):
    features.require(features.is_root)
    mksock(*SCENE)
    rows = berth("list", "--extended", "--json", user=process.NOBODY).json()
    check(rows, SCHEMA)
    assert any(row["not_permitted"] for row in rows)
    for row in rows:
        check_not_permitted(row)


def flattened(properties, prefix=""):
    for key, schema in properties.items():
        inner = resolve(schema)
        inner = resolve(inner["items"]) if "items" in inner else inner
        if key == "not_permitted":
            continue
        if "properties" in inner:
            yield from flattened(inner["properties"], f"{prefix}{key}_")
        else:
            yield prefix + key


def test_csv_has_the_same_keys(berth, mksock):
    mksock(*SCENE)
    text = berth("list", "--all", "-o", "all", "--csv").stdout
    header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert header == [*flattened(SOCKET), "not_permitted"]
    assert rows and all(len(row) == len(header) for row in rows)


def documented():
    """{command: the keys in the tables of its part of docs/output.md}"""
    text = (DOCS / "output.md").read_text()
    _, *parts = re.split(r"^## The keys of `berth ([\w ]+)`$", text, flags=re.MULTILINE)
    tables = r"^\| key \| type \| what \|\n\|[-|]+\|\n((?:\|.*\n)+)"
    return {
        command: [
            key
            for table in re.findall(tables, part, re.MULTILINE)
            for key in re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
        ]
        for command, part in zip(parts[::2], parts[1::2])
    }


# What the rows of each command are made of: definitions of the schema.
MADE_OF = {
    "list": ("socket", "end", "owner"),
    "interfaces": ("interface", "interface_address", "received", "sent"),
    "services": ("service", "service_owner"),
    "resolve": ("resolved", "resolved_listener"),
    "who": ("holder",),
    "scan": ("scanned",),
    "doctor": ("finding",),
    "explain bind": ("explained_bind",),
    "explain connect": ("explained_address",),
    "explain socket": ("explained_state",),
}


def test_every_key_is_documented():
    found = documented()
    assert set(found) == set(MADE_OF)
    for command, definitions in MADE_OF.items():
        expected = {key for name in definitions for key in SCHEMA["$defs"][name]["properties"]}
        assert set(found[command]) == expected, command


HELD = ("tcp listen 127.0.0.1:631 as=srv", "tcp connect @srv as=c1", "tcp accept @srv as=a1",
        "udp bind [::]:631 as=u", "tcp listen 127.0.0.1:8099", "tcp state TIME_WAIT as=tw")

# What each command is asked, so that rows of several sorts come.
ASKED = {
    "interfaces": (["interfaces"], ["interfaces", "--no-sockets"]),
    "services": (["services", "631", "8099"], ["services", "domain", "ssh", "sunrpc", "8000-8100"],
                 ["services", "--no-owners", "1-100"]),
    "resolve": (["resolve", "localhost:631", "127.0.0.1", "192.0.2.7", "*:631", "[fe80::1%en0]:1"],
                ["resolve", "-u", "[::1]:631", "--no-sockets"]),
    "who": (["who", "631"], ["who", "--names", "631"], ["who", "tcp or udp"]),
    "scan": (["scan", "127.0.0.1,192.0.2.7", "631,8099,1-4"],
             ["scan", "-u", "--timeout", "0.05", "--banner", "::1", "631", "8099"]),
    "doctor": (["doctor"], ["doctor", "--at-least", "note"]),
}
ROW = {"interfaces": "interface", "services": "service", "resolve": "resolved", "who": "holder",
       "scan": "scanned", "doctor": "finding"}


@pytest.mark.parametrize("user", [None, process.NOBODY], ids=["root", "nobody"])
@pytest.mark.parametrize("command", ASKED)
def test_rows_of_the_other_commands(berth, veth, mksock, command, user):
    features.require(features.is_root)
    veth.here.ip("link add br0 type bridge")
    veth.here.ip("link set en0 master br0 alias x")
    mksock(*HELD)
    properties = SCHEMA["$defs"][ROW[command]]["properties"]
    for words in ASKED[command]:
        rows = berth(*words, "--json", user=user, status=None).json()
        assert rows, words
        check(rows, definition(command))
        for row in rows:
            assert list(row) == list(properties)
            check_not_permitted(row)


@pytest.mark.parametrize("command", ASKED)
def test_columns_of_the_other_commands(berth, command):
    shown = [line.split()[0] for line in berth(command, "-o", "help").lines]
    properties = SCHEMA["$defs"][ROW[command]]["properties"]
    assert [*shown, "not_permitted"] == list(properties)


def test_a_row_that_is_wrong_is_refused():
    """The schemas aren't so wide that everything fits."""
    for command in ASKED:
        for row in ({"nix": 1}, {"not_permitted": "x"}, 1):
            with pytest.raises(jsonschema.ValidationError):
                check([row], definition(command))


def raw(text):
    """As docs/output.md has it."""
    return b"".join(
        bytes([ord(c) - 0xEF00]) if 0xEF80 <= ord(c) <= 0xEFFF else c.encode() for c in text
    )


def test_the_way_back_is_documented_as_it_is_tested():
    text = (DOCS / "output.md").read_text()
    scope = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], scope)
    everything = "a\uef80\uefffb\u00e9"
    assert scope["raw"](everything) == raw(everything) == b"a\x80\xffb\xc3\xa9"


HOSTILE = {
    "escape": (r"\x1b[2J\x07x", b"\x1b[2J\x07x"),
    "newline": (r"a\nb\tc", b"a\nb\tc"),
    "csv": (r"a,b\x22;c", b'a,b";c'),
    "backslash": (r"a\\x1b", b"a\\x1b"),
    "not-utf8": (r"\xff\xc3\x80\xfe", b"\xff\xc3\x80\xfe"),
    "c1": (r"\xc2\x9b31m", b"\xc2\x9b31m"),
    "private": (r"\xee\xbf\xbf", b"\xee\xbf\xbf"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(berth, mksock, name):
    written, expected = HOSTILE[name]
    sock = mksock(f"comm {written}", "tcp listen 127.0.0.1:0 as=srv")["srv"]

    output = berth("list", "--json").stdout
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", output)
    owner = sock.find(json.loads(output))["owners"][0]
    assert raw(owner["comm"]) == expected

    rows = csv.DictReader(io.StringIO(berth("list", "--csv").stdout, newline=""), strict=True)
    comm = re.sub(r"\\(.)", r"\1", next(rows)["owners_comm"], flags=re.DOTALL)
    assert raw(comm) == expected

    table = berth("list").stdout
    assert len(table.splitlines()) == 2
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", table)
