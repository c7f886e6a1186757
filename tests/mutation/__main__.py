"""``python -m tests.mutation``: see ``--help``."""

import sys

from .run import main

sys.exit(main(sys.argv[1:]))
