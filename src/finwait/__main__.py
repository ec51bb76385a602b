"""`python -m finwait`, the same as `finwait`."""

import sys

from finwait.cli import main

if __name__ == "__main__":
    sys.exit(main())
