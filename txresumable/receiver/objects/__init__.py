"""
Uploads in object storage, which any number of receivers share.
"""
