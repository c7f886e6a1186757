"""How Sphinx builds the documentation: ``make docs``."""

from importlib.metadata import version as installed_version

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
html_static_path = ["_static"]
