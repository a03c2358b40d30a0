"""What can be looked up about a line: voices, faces, scene, relations, names, the labels so far.

Each module has one typed function over a `View` (`view.py`), which knows nothing of prompts;
`telling.py` puts what they find into words, by the templates in `texts/`.
"""
