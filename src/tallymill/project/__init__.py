"""The user's folder: `tallymill.toml`, `statistics/*.py` and `jobs/*.py`, loaded whole.

Everything that is wrong in it is told at once. Nothing here starts or stores anything;
`assembly` and the command line are handed a `Project`.
"""

from tallymill.project.load import load_project
from tallymill.project.model import Project, StreamDefinition

__all__ = ["Project", "StreamDefinition", "load_project"]
