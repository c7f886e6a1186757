"""
The proof of the queue that several machines share: real processes and a real database, killed over
and over, and each file at the receiver once at the end.

    python -m tests.queueing --files 300 --kills 20 --seed 1

runs one round, and prints what came of it; ``make queue-proof`` does that.
"""
