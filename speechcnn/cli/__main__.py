"""`python -m speechcnn.cli` is the command `speechcnn`."""

from __future__ import annotations

import sys

from speechcnn.cli import main

sys.exit(main())
