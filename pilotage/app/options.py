"""Options that several commands share, so that each is called and explained the same everywhere."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

AsJson = Annotated[bool, Parameter(name="--json", help="Print one JSON document instead of text.", negative="")]
WorkspaceFolder = Annotated[Path, Parameter(name=["--workspace", "-w"], help="The workspace folder.")]
RunData = Annotated[Path | None, Parameter(name=["--data", "-d"], help="The data folder; WORKSPACE/data without it.")]
Data = Annotated[Path, Parameter(name=["--data", "-d"], help="The data folder.")]
DATA = Path("data")
