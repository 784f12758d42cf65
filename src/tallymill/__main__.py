"""`python -m tallymill`: the command line."""

from tallymill.cli.main import main

main()
