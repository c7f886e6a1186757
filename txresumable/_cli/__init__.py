"""
The command and the twistd plugin.
"""
