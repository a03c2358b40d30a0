"""Who is there: cast, faces, tracks, the character library, voices."""
