"""
What a browser sends with resumable.js or a relative, and the means to compare it with ours.

``scenario`` reads the recorded exchanges and ``translation`` has each one's options in Python;
``derived`` has scenarios that nobody recorded.  ``memory`` is a network without sockets or time,
``server`` answers as the recording server did, ``session`` runs our client, and ``exchange``
describes what came.  ``table`` reads the deliberate differences, ``differences`` knows what each
kind of them changes of the ``expectation``.
"""
