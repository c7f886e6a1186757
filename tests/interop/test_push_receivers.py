"""Watched folders before receivers that others wrote, behind nginx."""

from __future__ import annotations

from . import pushed
from .receivers import RESUMABLEJS_NODE, RESUMABLEJS_PHP


class NodeTests(pushed.Pushed):
    """npm's ``resumablejs``, which Node.js runs."""

    receiver = RESUMABLEJS_NODE
    server = "node-sample"


class PhpTests(pushed.Pushed):
    """The page on PHP of the same."""

    receiver = RESUMABLEJS_PHP
    server = "php-sample"
