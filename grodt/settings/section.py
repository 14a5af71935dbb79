"""What every section of the books file is."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the books file: a key that we do not know is an error, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
