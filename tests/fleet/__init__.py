"""
The proof of receivers in a fleet: three processes behind a load balancer on object storage that
others wrote, each killed over and over, with clients of ours and of others; and equal files at the
end.

    python -m tests.fleet --files 100 --kills 200 --seed 1

runs one round, and prints what came of it; ``make fleet-proof`` does that.
"""
