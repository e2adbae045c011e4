"""Run one stage: `python -m stages ROOM.STAGE OPTIONS`; `python -m stages` lists them."""

import sys

if __name__ == "__main__":
    arguments = sys.argv[1:]
    if len(arguments) > 1 and not {"-h", "--help"} & set(arguments):
        from stages.client import run

        run("stages.run", arguments)
    # Help needs neither a server nor a fixed environment.
    from stages.core.command import run

    sys.exit(run(arguments))
