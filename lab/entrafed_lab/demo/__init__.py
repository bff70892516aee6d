"""The demo: the product at work in the lab, from nothing to nothing, and every claim checked while it is shown."""

from .checks import Check, Step
from .play import play
from .stage import Pause, Stage, no_pause

__all__ = ["Check", "Pause", "Stage", "Step", "no_pause", "play"]
