"""
Requests of clients, and responses to them.
"""
