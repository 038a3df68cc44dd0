"""What tests need of the running kernel beyond what epolltop needs."""

from __future__ import annotations

import platform

import pytest

_VERSION = tuple(map(int, platform.release().split(".")[:2]))

needs_cached_paths = pytest.mark.skipif(_VERSION < (5, 12), reason="the kernel cannot follow paths in memory alone")
