"""How Sphinx builds the documentation: ``make docs``."""

from importlib import import_module
from importlib.metadata import version as installed_version

from docutils import nodes
from docutils.parsers.rst import Directive

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


def setup(app: object) -> None:
    """Called by Sphinx."""
    app.add_directive("twistd-options", TwistdOptions)
