"""
What is shipped beside the package, made from the command: its manual page, and completions for
shells.  ``make shipped`` writes them; a test compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from txresumable._cli.main import command_group
from txresumable.push.delivery.facts import FACTS

__all__ = ["SHIPPED", "write"]

SHIPPED = Path(__file__).resolve().parent.parent / "contrib"
_NAME = "txresumable"
_COMMANDS = """\
The programs on_sent and on_failed of a watched folder are run in the folder /, without a \
shell, with the environment of the service but for its own variables and secrets. On their \
standard input they have these facts about the file as one JSON object on one line, and each \
also in a variable of the environment. NAME.error.json, which is written beside a file that was \
moved to the folder of failed, has the same facts.

A program that ends with 0 has done its work. After any other status or a signal, and when \
hook_timeout is over, it is run again with the same id: after 15 seconds, then after twice as \
long each time, an hour at most, attempts times in all. Then the file waits for retry. What it \
writes to standard output is not kept; the last line on standard error is logged if it fails."""


def made() -> dict[str, str]:
    """Each file that is shipped, by its name, with its text."""
    group = command_group()
    return {
        f"man/{_NAME}.1": "\n".join(manual(group)) + "\n",
        f"completions/{_NAME}": bash(group),
        f"completions/_{_NAME}": zsh(group),
        f"completions/{_NAME}.fish": fish(group),
    }


def write() -> None:
    """Write them all."""
    for name, text in made().items():
        path = SHIPPED / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def options_of(command: click.Command) -> Iterator[tuple[list[str], click.Option, str]]:
    """The options of a command: their names, themselves, and what they do."""
    for param in command.params:
        if isinstance(param, click.Option):
            yield [*param.opts, *param.secondary_opts], param, param.help or ""
    yield ["--help"], click.Option(["--help"], is_flag=True), "Show this message and exit."


def commands_of(group: click.Group) -> list[tuple[str, click.Command]]:
    """The commands, by name."""
    return sorted(group.commands.items())


# The manual page --------------------------------------------------------------------------------


def manual(group: click.Group) -> Iterator[str]:
    """The lines of the manual page."""
    yield f'.TH {_NAME.upper()} 1 "" "{_NAME}" "User Commands"'
    yield ".SH NAME"
    yield f"{_NAME} \\- upload files in chunks, and watch folders"
    yield ".SH SYNOPSIS"
    for name, command in commands_of(group):
        arguments = [each.metavar for each in command.params if isinstance(each, click.Argument)]
        yield f".B {_NAME} {name}"
        yield f"[options] {' '.join(map(roff, filter(None, arguments)))}"
        yield ".br"
    yield ".SH DESCRIPTION"
    yield roff(group.help or "")
    for name, command in commands_of(group):
        yield f".SH {name.upper()}"
        for paragraph in (command.help or "").split("\n\n"):
            yield ".PP"
            yield roff(paragraph)
        for names, option, text in options_of(command):
            value = "" if option.is_flag else f" {metavar(option)}"
            yield ".TP"
            yield f"\\fB{roff(', '.join(names))}\\fR{roff(value)}"
            yield roff(text)
    yield ".SH COMMANDS FOR FILES"
    for paragraph in _COMMANDS.split("\n\n"):
        yield ".PP"
        yield roff(paragraph)
    for fact, text in FACTS.items():
        yield ".TP"
        yield f"\\fB{fact}\\fR, \\fBTXRESUMABLE_{fact.upper()}\\fR"
        yield roff(text)
    yield ".SH SEE ALSO"
    yield ".BR twistd (1)"


def metavar(option: click.Option) -> str:
    """What an option takes."""
    if option.metavar:
        return option.metavar
    choices = getattr(option.type, "choices", ())
    return "|".join(choices) or "TEXT"


def roff(text: str) -> str:
    """Text for roff, on one line that is no request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")
    return re.sub(r"\A(?=[.'])", r"\\&", escaped)


# Completions ------------------------------------------------------------------------------------


def values_of(option: click.Option) -> tuple[str, ...]:
    """The values that an option takes, if they are known."""
    return tuple(getattr(option.type, "choices", ()))


def bash(group: click.Group) -> str:
    """For bash."""
    cases, values = [], []
    for name, command in commands_of(group):
        names = " ".join(each for some, _, _ in options_of(command) for each in some)
        cases.append(f"        {name}) words='{names}' ;;")
        for some, option, _ in options_of(command):
            if values_of(option):
                keys = "|".join(f"{name}:{each}" for each in some)
                values.append(f"        {keys}) words='{' '.join(values_of(option))}' ;;")
    commands = " ".join(name for name, _ in commands_of(group))
    return "\n".join(
        [
            f"# {_NAME}: completion for bash",
            f"_{_NAME}() {{",
            "    local words='' word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}",
            "    COMPREPLY=()",
            '    if [ "$COMP_CWORD" -eq 1 ]; then',
            f"        COMPREPLY=($(compgen -W '{commands} --version --help' -- \"$word\"))",
            "        return",
            "    fi",
            '    case "${COMP_WORDS[1]}:$before" in',
            *values,
            "    esac",
            '    if [ -z "$words" ] && [ "${word#-}" = "$word" ]; then',
            "        compopt -o filenames 2>/dev/null",
            '        mapfile -t COMPREPLY < <(compgen -f -- "$word")',
            "        return",
            "    fi",
            '    [ -n "$words" ] || case "${COMP_WORDS[1]}" in',
            *cases,
            "    esac",
            '    COMPREPLY=($(compgen -W "$words" -- "$word"))',
            "}",
            f"complete -F _{_NAME} {_NAME}",
            "",
        ]
    )


def zsh(group: click.Group) -> str:
    """For zsh."""
    lines = [f"#compdef {_NAME}", "", f"_{_NAME}() {{", "    local -a commands"]
    lines.append("    commands=(")
    for name, command in commands_of(group):
        lines.append(f"        '{name}:{zsh_text(first(command.help or ''))}'")
    lines += [
        "    )",
        "    if (( CURRENT == 2 )); then",
        "        _describe command commands",
        "        return",
        "    fi",
        "    local command=$words[2]",
        "    shift words",
        "    (( CURRENT-- ))",
        "    case $command in",
    ]
    for name, command in commands_of(group):
        lines.append(f"        {name}) _arguments \\")
        for names, option, text in options_of(command):
            for each in names:
                shown = f"[{zsh_text(first(text))}]"
                value = ""
                if not option.is_flag:
                    choices = values_of(option)
                    action = f"({' '.join(choices)})" if choices else "_files"
                    value = f":{zsh_text(metavar(option))}:{action}"
                many = "*" if option.multiple else ""
                lines.append(f"            '{many}{each}{shown}{value}' \\")
        lines.append("            '*:file:_files' ;;")
    lines += ["    esac", "}", "", f'_{_NAME} "$@"', ""]
    return "\n".join(lines)


def zsh_text(text: str) -> str:
    """Text in single quotes and brackets, for zsh."""
    return re.sub(r"([\[\]:\\])", r"\\\1", text).replace("'", "'\\''")


def fish(group: click.Group) -> str:
    """For fish."""
    lines = [f"# {_NAME}: completion for fish"]
    for name, command in commands_of(group):
        lines.append(
            f"complete -c {_NAME} -n __fish_use_subcommand -f -a {name} "
            f"-d {fish_text(first(command.help or ''))}"
        )
    for name, command in commands_of(group):
        for names, option, text in options_of(command):
            words = [f"complete -c {_NAME} -n '__fish_seen_subcommand_from {name}'"]
            for each in names:
                words.append(f"-l {each[2:]}" if each.startswith("--") else f"-s {each[1:]}")
            if values_of(option):
                words.append(f"-x -a {fish_text(' '.join(values_of(option)))}")
            elif not option.is_flag:
                words.append("-r")
            words.append(f"-d {fish_text(first(text))}")
            lines.append(" ".join(words))
    return "\n".join(lines) + "\n"


def fish_text(text: str) -> str:
    """Text in single quotes, for fish."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def first(text: str) -> str:
    """The first sentence of a text."""
    return re.split(r"(?<=[.;])\s", text.replace("\n", " "), maxsplit=1)[0].rstrip(".;")


if __name__ == "__main__":
    write()
