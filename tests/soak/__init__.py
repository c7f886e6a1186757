"""
Random faults over real sockets, for as long as one likes: ``make soak SOAK=1800``.

Each round is made from a seed: a receiver (``twistd resumable-receive``) and up to four clients,
all processes of their own, a hostile proxy between them, and somebody who kills, restarts, and
takes finished files away.  At a round's end each upload that was said to be complete has to be
there, byte for byte, each other one has to have failed with an error, and nothing may be left: no
process that ended by itself, no descriptor, no memory that grew, no traceback in a log.
"""
