"""What a command imports before it knows whether there is anything to run."""

import subprocess
import sys


def test_looking_at_what_is_asked_for_imports_no_prefect() -> None:
    code = "import sys, flows.cycles; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
