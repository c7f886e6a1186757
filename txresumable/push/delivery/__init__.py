"""
The way of a file from its folder to its target, and what is left to do then.
"""
