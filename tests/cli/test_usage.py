"""The front of the program: help, mistakes, exit statuses, the terminal. With made-up commands
(tests/fake), which have options of every kind, and with berth's own."""

import os

import pytest

from lib import process


@pytest.fixture
def fake():
    program = process.Program(process.built("FAKE", "tests/fake/fake-berth"))
    yield program
    program.close()


def commands():
    return process.run([process.built("TABLES", "tools/tables"), "commands"]).lines


def check_mistake(result, fault, pointer):
    """Two lines on stderr, nothing on stdout: the fault, and where help is; never the help."""
    assert result.status == 2
    assert result.stdout == ""
    assert result.stderr == f"{fault}\nTry '{pointer} --help'.\n"


MISTAKES = [
    (["lst"], "berth: there is no command 'lst'; did you mean 'list'?", "berth"),
    (["frobnicate"], "berth: there is no command 'frobnicate'", "berth"),
    (["hlep"], "berth: there is no command 'hlep'; did you mean 'help'?", "berth"),
    (["help", "lst"], "berth: there is no command 'lst'; did you mean 'list'?", "berth"),
    (["--versoin"], "berth: there is no option '--versoin' before a command; did you mean "
     "'--version'?", "berth"),
    (["--json", "list"], "berth: there is no option '--json' before a command: a command comes "
     "first, its options after it", "berth"),
    (["list", "--colums=x"], "berth list: there is no option '--colums'; did you mean '--columns'?",
     "berth list"),
    (["list", "--column", "x"], "berth list: there is no option '--column'; did you mean "
     "'--columns'?", "berth list"),
    (["list", "--secre"], "berth list: there is no option '--secre'", "berth list"),
    (["list", "--top", "100"], "berth list: --top wants a number from 1 to 99, not '100'",
     "berth list"),
    (["list", "--json=no"], "berth list: --json takes no value", "berth list"),
    (["list", "-o"], "berth list: -o needs a value: -o LIST", "berth list"),
    (["explain"], "berth explain: 'explain' needs one more word to be a command",
     "berth explain"),
    (["explain", "bnd"], "berth explain: there is no command 'explain bnd'; did you mean "
     "'explain bind'?", "berth explain"),
    (["explian"], "berth: there is no command 'explian'; did you mean 'explain'?", "berth"),
    (["explian", "bind", "80"], "berth: there is no command 'explian'; did you mean 'explain bind'?",
     "berth"),
    (["explian", "zzz"], "berth: there is no command 'explian'; did you mean 'explain'?", "berth"),
    (["explain", "zzzzzz"], "berth explain: there is no command 'explain zzzzzz'", "berth explain"),
    (["explain", "bind"], "berth explain bind: a word is missing: explain bind PROGRAM [WORD…]",
     "berth explain bind"),
    (["explain", "bind", "a", "b", "c"], "berth explain bind: 'c' is one word too many",
     "berth explain bind"),
]


@pytest.mark.parametrize("args, fault, pointer", MISTAKES, ids=[" ".join(m[0]) for m in MISTAKES])
def test_mistake(fake, args, fault, pointer):
    check_mistake(fake(*args, status=2), fault, pointer)


def test_a_commands_own_fault(fake):
    result = fake("explain", "connect", "x\x1b[2J", status=2)
    name = os.path.basename(fake.path)
    assert result.stderr.startswith(f"{name} explain connect: 'x\\x1b[2J' is not good\n")


@pytest.mark.parametrize("args", [["\x1b[31m"], ["list", "--\x1b]0;x\x07"], ["list", "-\x9b"],
                                  ["list", "--top=\n\x07"]])
def test_no_control_character_reaches_the_terminal(fake, args):
    stderr = fake(*args, status=2).stderr
    assert not any(ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 for c in stderr)
    assert stderr.count("\n") == 2


def test_forms_of_options(fake):
    same = "numeric=1 resolve=0 columns=a,b top=3 [x] [-n]\n"
    for args in (["-n", "-o", "a,b", "--top=3", "x", "--", "-n"],
                 ["x", "-noa,b", "--top", "3", "--resolve", "--no-resolve", "--", "-n"]):
        assert fake("list", *args).stdout == same
    assert fake("list").stdout == "numeric=0 resolve=0 columns=- top=7\n"


def test_name_of_two_words(fake):
    assert fake("explain", "bind", "ls", "-n").stdout.endswith(" [ls] [-n]\n")


def test_overview(fake):
    shown = fake().stdout
    assert shown == fake("help").stdout == fake("--help").stdout == fake("-h").stdout
    for line in ("See:", "  list                    shows sockets - all of them", "Explain:",
                 "  explain bind            says why a bind fails"):
        assert line in shown.splitlines()


def test_help_of_a_family(fake):
    shown = fake("help", "explain").stdout
    assert shown == fake("explain", "--help").stdout
    assert "explain connect" in shown and "  list" not in shown


def test_help_of_a_command(fake):
    shown = fake("help", "list").stdout
    assert shown == fake("list", "--help").stdout == fake("list", "-n", "x", "-h").stdout
    assert "Usage: berth list [OPTION…] [FILTER…]\n" in shown
    assert "-j, --json              write [JSON]: it's the user's\n" in shown
    assert "secret" not in shown
    assert fake("help", "explain", "bind").stdout.startswith("berth explain bind: ")


@pytest.mark.parametrize("name", commands())
def test_usage_names_the_options_once(berth, name):
    usage = next(line for line in berth("help", *name.split()).lines if line.startswith("Usage: "))
    assert usage.startswith(f"Usage: berth {name} [OPTION…]") and usage.count("[OPTION…]") == 1


def test_help_fits_the_terminal_and_is_coloured_there(fake, terminal):
    shown = terminal([fake.path, "help", "list"], columns=50)
    assert shown.wait() == 0
    assert "\x1b[1m" in shown.shown
    plain = terminal([fake.path, "help", "list"], columns=50, env={"NO_COLOR": "1"})
    assert plain.wait() == 0
    assert "\x1b" not in plain.shown
    assert max(len(line) for line in plain.lines) <= 50
    dumb = terminal([fake.path, "help", "list"], env={"TERM": "dumb"})
    assert dumb.wait() == 0
    assert "\x1b" not in dumb.shown
    assert "\x1b" not in fake("help", "list").stdout


def test_version(fake):
    assert fake("--version").stdout == fake("-V").stdout == "berth 9.9\n"


def test_full_disk(berth):
    with open("/dev/full", "w", encoding="ascii") as full:
        result = berth("--help", stdout=full, status=1)
    assert result.stderr == "berth: cannot write to 'standard output': no space left on device\n"


def test_reader_that_went_away(berth):
    read, write = os.pipe()
    os.close(read)
    result = berth("--help", stdout=write, status=None)
    os.close(write)
    assert result.stderr == ""


def test_closed_standard_output(berth):
    result = process.run(["bash", "-c", 'exec "$0" --version >&- 2>&1', berth.path], status=None)
    assert result.status == 1


# The old tongues read their own words, --help too.
TONGUES = {"nc", "netstat", "lsof", "ifconfig"}


@pytest.mark.parametrize("command", sorted(TONGUES & set(commands())))
def test_help_of_every_tongue(berth, command):
    assert berth("help", command).stdout.startswith(f"berth {command}: ")
    assert f"  {command} " in berth("help").stdout


@pytest.mark.parametrize("command", [c for c in commands() if c not in TONGUES])
def test_help_of_every_command(berth, command):
    words = command.split()
    shown = berth(*words, "--help").stdout
    assert shown == berth("help", *words).stdout
    assert shown.startswith(f"berth {command}: ")
    assert max(len(line) for line in shown.splitlines()) <= 80
    mistake = berth(*words, "--no-such-option", status=2)
    check_mistake(mistake, f"berth {command}: there is no option '--no-such-option'", f"berth {command}")
    summary = shown.splitlines()[0].split(": ", 1)[1]
    assert f"  {command} " in berth("help").stdout and summary.split()[0] in berth("help").stdout


@pytest.mark.parametrize("words", [["list"], ["interfaces"], ["services", "22"], ["resolve", "22"],
                                   ["who", "22"]], ids=" ".join)
def test_a_namespace_that_may_not_be_entered(berth, mksock, make_netns, words):
    mk = mksock("tcp listen 127.0.0.1:0")  # root's
    there = make_netns()
    result = berth(*words, "--netns", mk.pid, netns=there, user=process.NOBODY, status=3)
    assert result.stdout == "" and result.stderr.count("\n") == 1
    assert f"cannot open the network namespace of 'process {mk.pid}'" in result.stderr
