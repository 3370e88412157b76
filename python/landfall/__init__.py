"""Where did that DMA land, and should it have? The lab, for scripts and tests; docs/python.md is the guide."""

from ._core import *  # noqa: F403  # the C++ names, as they are
from .errors import *  # noqa: F403
from .rig import Rig as Rig
from .session import Outcome as Outcome
from .session import Session as Session
