"""
How many chunks at once, how fast, and what to do when the server cannot be reached.
"""
