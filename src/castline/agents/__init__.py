"""Conversations with models behind endpoints: thousands of them, resumable, kept, paid for once.

A *conversation* (`conversation.py`) knows what to ask and what to do with a reply; a *session*
(`driver.py`) carries conversations to *endpoints* (`endpoints.py`), stores every reply that was
paid for (`replies.py`) and keeps each conversation as a *trace* (`traces.py`). Nothing here knows
of speakers, films or lines.
"""
