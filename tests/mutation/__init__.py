"""
Mutation testing: small faults are planted in the package one at a time, and the tests have to
notice.  ``python -m tests.mutation`` plants a sample and prints what was caught.
"""
