"""`python -m castline.cli` is `castline`."""

from castline.cli import main

main()
