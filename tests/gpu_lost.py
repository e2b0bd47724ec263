"""`pytest -p gpu_lost`: a process whose GPU was lost ends with the test that lost it; pytest-xdist goes on in another.

Nothing that this process would still do could succeed.
"""

import os
import sys

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.failed and "the GPU was lost" in report.longreprtext and "PYTEST_XDIST_WORKER" in os.environ:
        print(f"{item.nodeid} lost the GPU\n{report.longreprtext}", file=sys.__stderr__, flush=True)
        os._exit(1)
    return report
