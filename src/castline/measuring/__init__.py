"""From media to tables: listen, look, and put lines, faces and voices together."""
