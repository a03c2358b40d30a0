"""Film files: what is in them, their pictures and their sound (PyAV)."""
