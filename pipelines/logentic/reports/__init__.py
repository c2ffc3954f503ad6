"""Format results for people: progress, summary, status, answers. Reads only published tables and the state folder's
notes.
"""
