"""
Fakes for tests of programs that upload, a simulator of what can go wrong, and tests for stores and
queues.

All of it goes with :class:`twisted.internet.task.Clock` in the reactor's place: then nothing
happens but by the test's own doing, and nothing waits.
"""

from .bucket import Bucket, StoredObject
from .client import FakeClient
from .form import Part
from .job_source import JobSourceTests
from .jobs import MemoryJobs
from .network import FaultyNetwork
from .objects import FakeObjects, StorageFault, StorageForecast
from .receiver import Response, ScriptedReceiver, StoredFile
from .receiver_simulation import ReceiverSchedule, ReceiverSimulation, simulate_receiver
from .report import SimulationFailed, SimulationReport
from .request import FakeResponse, SentRequest
from .schedule import Act, FilePlan, Schedule
from .simulation import Simulation, simulate
from .store import UploadStoreTests
from .weather import Fault, Forecast, Weather

__all__ = [
    "Act",
    "Bucket",
    "FakeClient",
    "FakeObjects",
    "FakeResponse",
    "Fault",
    "FaultyNetwork",
    "FilePlan",
    "Forecast",
    "JobSourceTests",
    "MemoryJobs",
    "Part",
    "ReceiverSchedule",
    "ReceiverSimulation",
    "Response",
    "Schedule",
    "ScriptedReceiver",
    "SentRequest",
    "Simulation",
    "SimulationFailed",
    "SimulationReport",
    "StorageFault",
    "StorageForecast",
    "StoredFile",
    "StoredObject",
    "UploadStoreTests",
    "Weather",
    "simulate",
    "simulate_receiver",
]
