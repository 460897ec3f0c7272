"""The shells complete commands, options and values as the tables have them. Made-up commands
(tests/fake), asked of bash, fish and zsh themselves; berth's own scripts must load."""

import os
import shutil

import pytest

from lib import process


def need(shell):
    if not shutil.which(shell):
        pytest.skip(f"not here: {shell}")


def script(tmp_path, shell, name):
    tables = process.built("FAKE_TABLES", "tests/fake/fake-tables")
    path = tmp_path / name
    path.write_text(process.run([tables, shell]).stdout, encoding="utf-8")
    return path


@pytest.fixture
def bash(tmp_path):
    """bash("berth", "list", "--c"): what it offers for the last word."""
    need("bash")
    path = script(tmp_path, "bash", "berth")

    def complete(*words, cwd=None):
        ask = f"""
            compopt() {{ :; }}
            source {path}
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
            _berth
            ((${{#COMPREPLY[@]}} == 0)) || printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        return sorted(process.run(["bash", "-c", ask, "-", *words], cwd=cwd).lines)

    return complete


def test_bash_commands(bash):
    assert bash("berth", "") == ["--help", "--version", "explain", "help", "list"]
    assert bash("berth", "l") == ["list"]
    assert bash("berth", "explain", "") == ["bind", "connect"]
    assert bash("berth", "help", "l") == ["list"]


def test_bash_options(bash):
    assert bash("berth", "list", "--co") == ["--color", "--columns"]
    assert bash("berth", "list", "--no") == ["--no-resolve"]
    assert bash("berth", "list", "--j") == ["--json"]
    assert bash("berth", "list", "--sec") == []
    assert "--device" in bash("berth", "explain", "bind", "--")


def test_bash_values(bash, tmp_path):
    assert bash("berth", "list", "") == ["established", "listening"]
    assert bash("berth", "list", "--columns", "p") == ["peer", "pid"]
    assert bash("berth", "list", "-o", "local,p") == ["local,peer", "local,pid"]
    assert bash("berth", "list", "--columns", "=", "l") == ["local"]
    assert bash("berth", "list", "--color", "=") == ["always", "auto", "never"]
    # An optional value is attached or not there: what follows is a word.
    assert bash("berth", "list", "--color", "l") == ["listening"]
    assert "lo" in bash("berth", "list", "--device", "l")
    assert "root" in bash("berth", "list", "--user", "roo")
    (tmp_path / "a file").touch()
    assert bash("berth", "list", "--file", "a", cwd=tmp_path) == ["a file"]


@pytest.fixture
def named(netns):
    """The name of a network namespace, and how it begins."""
    name = f"berth-test-{os.getpid()}"
    netns.name(name)
    return name, name[:-1]


def test_bash_namespaces(bash, named):
    name, start = named
    assert name in bash("berth", "list", "--netns", start)
    assert name in bash("berth", "list", "--netns", "=", "")
    assert bash("berth", "list", "--netns", "no-such-") == []


def test_fish_namespaces(fish, named):
    assert named[0] in fish(f"berth list --netns {named[1]}")


def test_zsh_namespaces(zsh, named):
    assert named[0] in zsh(f"berth list --netns {named[1]}")


@pytest.fixture
def fish(tmp_path):
    """fish("berth list --c"): what it offers, without the explanations."""
    need("fish")
    path = script(tmp_path, "fish", "berth.fish")

    def complete(line, cwd=None):
        env = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
        ask = f"source {path}; complete -C {line!r}"
        result = process.run(["fish", "--no-config", "-c", ask], env=env, cwd=cwd)
        assert result.stderr == ""
        return sorted(line.split("\t")[0] for line in result.lines)

    return complete


def test_fish(fish, tmp_path):
    assert fish("berth ") == ["explain", "help", "list"]
    assert fish("berth explain ") == ["bind", "connect"]
    assert fish("berth list ") == ["established", "listening"]
    assert fish("berth list --co") == ["--color", "--color=", "--columns"]
    assert fish("berth list --no") == ["--no-resolve"]
    assert fish("berth list --sec") == []
    assert "--device" in fish("berth explain bind --d")
    assert fish("berth list --columns p") == ["peer", "pid"]
    assert fish("berth list --columns local,p") == ["local,peer", "local,pid"]
    assert fish("berth list --color=a") == ["--color=always", "--color=auto"]
    assert "lo" in fish("berth list --device l")
    (tmp_path / "afile").touch()
    assert fish("berth list --file af", cwd=tmp_path) == ["afile"]


ZSH_ASK = r"""
zmodload zsh/zpty
zpty -b z zsh -f -i
zpty -w z "PS1=; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -d $1/dump"
zpty -w z "LISTMAX=0; zstyle ':completion:*' list-colors ''; compadd () { builtin compadd -O got \"\$@\"; print -rl -- \"GOT:\"\$^got >>$1/got; builtin compadd \"\$@\" }"
zpty -w z "print -r READ''Y"
zpty -r z line '*READY*'
zpty -n -w z "$2"$'\t'
zpty -n -w z $'\C-u'"print -r DON''E"$'\n'
zpty -r z line '*DONE*'
"""


@pytest.fixture
def zsh(tmp_path):
    """zsh("berth list --c"): what it offers."""
    need("zsh")
    script(tmp_path, "zsh", "_berth")

    def complete(line):
        got = tmp_path / "got"
        got.unlink(missing_ok=True)
        process.run(["zsh", "-f", "-c", ZSH_ASK, "-", str(tmp_path), line], env={"HOME": str(tmp_path)})
        if not got.exists():
            return []
        return sorted({l[4:] for l in got.read_text(encoding="utf-8").splitlines() if l[4:]})

    return complete


def test_zsh(zsh):
    assert zsh("berth ") == ["explain", "help", "list"]
    assert zsh("berth explain ") == ["bind", "connect"]
    assert zsh("berth list ") == ["established", "listening"]
    assert zsh("berth list --columns p") == ["peer", "pid"]
    assert zsh("berth list --columns local,p") == ["peer", "pid"]
    offered = zsh("berth list --co")
    assert any("--columns" in word for word in offered) and not any("secret" in w for w in offered)


@pytest.mark.parametrize("shell, name", [("bash", "berth"), ("zsh", "_berth"), ("fish", "berth.fish")])
def test_the_real_ones_load(shell, name):
    need(shell)
    path = process.built("", "tools/" + name)
    assert process.run([shell, "-n", path]).stderr == ""
    with open(path, encoding="utf-8") as text:
        assert "rtt_us" in text.read()  # a column: the values are there
