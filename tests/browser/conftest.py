"""Tests in a browser: `make test-browser` brings JupyterLab and Playwright, and only it asks for them."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("YAMLFLOW_BROWSER") == "1" else ["test_*.py"]
