"""
The command for watched folders: the service in the foreground, and what asks and controls it.
"""
