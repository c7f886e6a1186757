"""How Sphinx builds the documentation: ``make docs``."""

from importlib import import_module
from importlib.metadata import version as installed_version

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

from txresumable import SERVERS

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


def setup(app: object) -> None:
    """Called by Sphinx."""
    app.add_directive("known-servers", KnownServers)
    app.add_directive("twistd-options", TwistdOptions)
