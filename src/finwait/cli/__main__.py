"""`python -m finwait.cli`."""

import sys

from finwait.cli import main

sys.exit(main())
