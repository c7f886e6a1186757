"""
Metrics of the process itself for Prometheus; needs the ``metrics`` extra.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

__all__ = ["process_registry"]


def process_registry() -> CollectorRegistry:
    """
    Make a registry with ``python_info`` and, on Linux, ``process_*``: memory, CPU, descriptors.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry
