"""docs/targets.md says what the code says."""

from dataclasses import MISSING, fields
from pathlib import Path

from ruamel.yaml import YAML

from grodt.targets.construction import COVARIANCES, SIZINGS, Construction
from grodt.targets.stops import StopRule

TEXT = (Path(__file__).parents[2] / "docs" / "targets.md").read_text(encoding="utf-8")
BLOCKS = [YAML(typ="safe").load(block.split("```")[0])["construction"] for block in TEXT.split("```yaml\n")[1:]]


def test_every_parameter_is_documented() -> None:
    for field in (*fields(Construction), *fields(StopRule)):
        assert f"| `{field.name}`" in TEXT or f", `{field.name}` |" in TEXT, field.name
    for word in (*SIZINGS, *COVARIANCES):
        assert f"| `{word}` |" in TEXT


def test_what_is_left_out_is_as_written_there() -> None:
    written = BLOCKS[0]
    assert list(written) == [field.name for field in fields(Construction)]
    for field in fields(Construction):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        assert (field.default is MISSING and default is MISSING) or written[field.name] == default


def test_the_examples_are_constructions() -> None:
    assert len([Construction(**block) for block in BLOCKS]) == 2
