"""What a test needs of whoever runs it; what it needs of the machine it looks for itself."""

import os

import pytest

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can act as other users")
