"""
Metrics of the process itself for Prometheus; needs the ``metrics`` extra.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

__all__ = ["process_registry"]


def process_registry() -> CollectorRegistry:
    """A new registry with ``process_*`` (memory, CPU, descriptors; on Linux) and ``python_info``."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry
