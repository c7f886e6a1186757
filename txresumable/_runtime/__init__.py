"""
What everything is built on: clock, ticker, threads, observers.
"""
