"""A project for agents: tools that look things up in it, served over the Model Context Protocol.

Nothing here writes. Each topic (`lines.py`, `people.py`, `moments.py`) is a class whose public
methods are the tools; agents read their docstrings. `library.py` notices when tables were made
anew, `records.py` reads them, `answers.py` holds what tools tell, `server.py` speaks the protocol.
"""
