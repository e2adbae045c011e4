"""Run `dvc repro` with the given arguments."""

import sys

import dvc.dvcfile

# DVC imports most of these when it needs them; here, the stage server finds and imports them.
import ruamel.yaml  # noqa: F401
from dvc import cachemgr, cli, parsing, repo, rwlock, scm  # noqa: F401
from dvc.cli import parser  # noqa: F401
from dvc.repo import metrics, params, plots, reproduce, stage  # noqa: F401
from dvc.stage import cache, run  # noqa: F401
from dvc.utils import strictyaml  # noqa: F401

from flows import lock_file

if __name__ == "__main__":
    dvc.dvcfile.modify_yaml = lock_file.modify
    # DVC locks the whole repository only for moments, so waiting is cheap. Failing to get the lock
    # after the stage has finished would throw its work away.
    sys.exit(cli.main(["--wait-for-lock", "repro", *sys.argv[1:]]))
