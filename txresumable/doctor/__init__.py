"""
Finds out how a server wants to be uploaded to, with small files.

:func:`examine` makes some dozens of requests and reports what it saw: each :class:`Finding` says
how it was found, or why it cannot be seen from here, and which options follow from it.
"""

from .diagnosis import Diagnosis, Finding
from .examination import examine
from .prescription import FORMATS, prescription
from .question import ask

__all__ = ["FORMATS", "Diagnosis", "Finding", "ask", "examine", "prescription"]
