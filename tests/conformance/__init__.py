"""
What a browser sends with resumable.js, and the means to compare it with what we send.

``scenario`` reads the recorded exchanges, ``translation`` holds each scenario's options in
Python, ``memory`` is a network without sockets or time, ``server`` answers as the recording
server did, ``session`` runs our client, and ``differences`` applies the table of
``docs/differences.rst`` to what is expected.
"""
