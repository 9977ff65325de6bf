"""The nursery is one process for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.fire import Nursery


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    made = Nursery(tmp_path_factory.mktemp("nursery"))
    yield made
    made.close()
