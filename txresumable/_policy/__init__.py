"""
How much, how fast, and what when the server is away.
"""
