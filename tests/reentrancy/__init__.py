"""
Programs that call the uploader from inside its own events and hooks, at random, and what must
hold whatever they do.
"""
