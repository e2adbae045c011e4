"""Run one stage in this process."""

import gc
import sys

from stages.core.command import run

if __name__ == "__main__":
    # Stages hold millions of small objects and few cycles: looking for those less often is quicker.
    gc.set_threshold(100_000)
    sys.exit(run(sys.argv[1:]))
