"""The desk of tests/execution, for reports of what was done there."""

from tests.execution.conftest import desk, template

__all__ = ["desk", "template"]
