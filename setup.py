"""
What pyproject.toml cannot say well.

``package_dir`` makes an editable install put this folder on ``sys.path``.  Without it setuptools
installs a finder that knows modules by name, and Twisted, which looks for plugins in the folders
of ``sys.path``, would not see ``twisted/plugins``.

``twisted.plugins`` is listed as a package and has no ``__init__.py``: only the one file in it is
ours, installed beside Twisted's own plugins and removed alone.
"""

from setuptools import find_packages, setup

setup(
    package_dir={"": "."},
    packages=[*find_packages(include=["txresumable", "txresumable.*"]), "twisted.plugins"],
)
