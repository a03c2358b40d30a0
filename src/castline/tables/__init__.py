"""Tables: declared once, checked when written and when read, stored as Parquet."""
