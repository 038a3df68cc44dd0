"""`python -m epolltop`."""

import sys

from epolltop.cli import main

sys.exit(main())
