"""
Where bytes come from.
"""
