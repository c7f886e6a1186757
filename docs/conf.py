"""How Sphinx builds the documentation: ``make docs``."""

from importlib import import_module
from importlib.metadata import version as installed_version

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

from txresumable import SERVERS
from txresumable._cli.config import keys, target
from txresumable.push.delivery.facts import FACTS

project = "txresumable"
author = "The txresumable contributors"
copyright = f"2026, {author}"
version = release = installed_version("txresumable")

extensions = ["sphinx.ext.autodoc", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
default_role = "py:obj"
highlight_language = "none"

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {"members": True, "show-inheritance": True}

html_theme = "furo"
html_title = f"txresumable {release}"


class TwistdOptions(Directive):
    """Shows what ``twistd NAME --help`` says: ``.. twistd-options:: MODULE``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        usage = str(import_module(self.arguments[0]).Options())
        options = usage[usage.index("Options:") :]
        return [nodes.literal_block(options, options, language="none")]


class KnownServers(Directive):
    """Lists the servers whose options are known: ``.. known-servers::``."""

    def run(self) -> list[nodes.Node]:
        lines = []
        for name, server in SERVERS.items():
            values = {
                key: sorted(value) if isinstance(value, frozenset) else value
                for key, value in server.options.items()
            }
            options = ", ".join(f"{key}={value!r}" for key, value in values.items())
            tried = "Tried." if server.tried else "From its source only."
            lines += [
                f"``{name}``",
                f"    {server.title}: ``{options}``. {tried} {server.note}",
                "",
            ]
        list_of_them = nodes.Element()
        self.state.nested_parse(StringList(lines, "SERVERS"), 0, list_of_them)
        return list_of_them.children


class ConfigKeys(Directive):
    """Lists the keys of a table of the configuration file: ``.. config-keys:: FOLDER``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        lines = []
        for name, metavar, text in config_keys(self.arguments[0]):
            shown = text.replace("*", r"\*").replace("_", r"\_")
            lines += [f"``{name}`` = *{metavar or 'true or false'}*", f"    {shown}", ""]
        list_of_them = nodes.Element()
        self.state.nested_parse(StringList(lines, "KEYS"), 0, list_of_them)
        return list_of_them.children


class HookFacts(Directive):
    """Lists what commands are given about a file: ``.. hook-facts::``."""

    def run(self) -> list[nodes.Node]:
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 12 26 62", ""]
        lines += ["   * - JSON", "     - Environment", "     - What it says"]
        for name, text in FACTS.items():
            shown = text.replace("*", r"\*").replace("_", r"\_")
            variable = f"TXRESUMABLE_{name.upper()}"
            lines += [f"   * - ``{name}``", f"     - ``{variable}``", f"     - {shown}"]
        table = nodes.Element()
        self.state.nested_parse(StringList(lines, "FACTS"), 0, table)
        return table.children


def config_keys(table: str) -> list[tuple[str, str, str]]:
    """The keys of a table, each with what it takes and what it does."""
    if table == "TARGET":
        return [(name, each.metavar, each.text) for name, each in target.KEYS.items()]
    return [(key.name, key.metavar, key.text) for key in getattr(keys, table)]


def setup(app: object) -> None:
    """Called by Sphinx."""
    app.add_directive("config-keys", ConfigKeys)
    app.add_directive("hook-facts", HookFacts)
    app.add_directive("known-servers", KnownServers)
    app.add_directive("twistd-options", TwistdOptions)
