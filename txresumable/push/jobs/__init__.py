"""
A queue that several machines share: what its jobs are, and what keeps them.
"""

from .job import Job, JobRecord, NewJob
from .postgresql import PostgreSQLJobs
from .source import JobQueue, JobSource

__all__ = ["Job", "JobQueue", "JobRecord", "JobSource", "NewJob", "PostgreSQLJobs"]
