"""`python -m castline` is `castline`."""

from castline.cli import main

main()
