"""Who says each line: methods that spread a few known speakers over a whole series."""
