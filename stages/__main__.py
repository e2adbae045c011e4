"""Run one stage: `python -m stages ROOM.STAGE OPTIONS`; `python -m stages` lists them."""

import gc
import sys

from stages.core.command import ensure_fixed_environment, run

if __name__ == "__main__":
    # Stages hold millions of small objects and few cycles: looking for those less often is quicker.
    gc.set_threshold(100_000)
    # `--help` and the list depend on nothing that has to be fixed.
    if len(sys.argv) > 2 and not {"-h", "--help"} & set(sys.argv):
        ensure_fixed_environment()
    sys.exit(run(sys.argv[1:]))
