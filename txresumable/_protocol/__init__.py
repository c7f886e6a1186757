"""
The protocol, as pure values: layout of chunks, dialects, requests.
"""
