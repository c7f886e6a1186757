"""
The proof of the push service: real processes, killed over and over, and equal files at the end.

    python -m tests.pushing --files 1000 --kills 100 --seed 1

runs one round, and prints what came of it; ``make push-proof`` does that.
"""
