"""
What everything runs on: clock, threads, observers.
"""
