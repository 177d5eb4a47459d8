"""What happens at a fault point of a driven process: FAULT_AT="after_answer=kill" kills it there."""

import os
import signal
import time
from pathlib import Path

from django.db import OperationalError


def reached(name: str) -> None:
    """Notes the arrival as a file in FAULT_DIR; then the process is killed, or stopped, or waits for a file.

    "fail": until there is that file, the database refuses what it is asked at this point, as on a full disk.
    """
    point, _, deed = os.environ.get("FAULT_AT", "").partition("=")
    if name != point:
        return
    folder = Path(os.environ["FAULT_DIR"])
    (folder / f"{name}.reached").touch()
    if deed == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif deed == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif deed == "fail" and not (folder / f"{name}.go").exists():
        raise OperationalError("database or disk is full")
    elif deed == "wait":
        while not (folder / f"{name}.go").exists():
            time.sleep(0.02)
