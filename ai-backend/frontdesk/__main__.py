"""Run the command line as ``python -m frontdesk``."""

from frontdesk.cli.main import main

main()
