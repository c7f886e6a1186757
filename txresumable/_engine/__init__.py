"""
What moves the chunks of files.
"""
