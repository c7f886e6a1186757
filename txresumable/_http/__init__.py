"""
HTTP/1.1: one request out, one response in.
"""
