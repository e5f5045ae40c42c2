"""`python -m anyvenue` is the command line."""

from anyvenue.app.cli import main

main()
