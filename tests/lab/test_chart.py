"""What the lab takes from the operator's chart."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from chart.rendering import CHART, ROOT
from entrafed_lab.chart import manifests_of
from entrafed_lab.controlplane.errors import LabError


def resources(text: str) -> set[str]:
    """What the operator's role speaks of."""
    objects: list[dict[str, Any]] = list(yaml.safe_load_all(text))
    (role,) = (one for one in objects if one["kind"] == "ClusterRole" and one["metadata"]["name"] == "entrafed")
    return {resource for rule in role["rules"] for resource in rule.get("resources", ())}


def test_the_defaults_give_what_the_chart_gives_everybody() -> None:
    assert not {"serviceaccounts", "configmaps"} & resources(manifests_of(CHART))


def test_the_values_of_make_lab_let_outputs_be_tried() -> None:
    assert {"serviceaccounts", "configmaps"} <= resources(manifests_of(CHART, ROOT / "lab" / "chart-values.yaml"))


@pytest.mark.parametrize(
    ("text", "told"),
    [("- a list", "must be a mapping"), ("a: [", "cannot read"), ("outputs: {config: true}", "cannot be rendered")],
)
def test_values_that_make_no_sense_are_refused_in_a_line(text: str, told: str, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(text)
    with pytest.raises(LabError, match=told):
        manifests_of(CHART, values)


def test_values_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot read"):
        manifests_of(CHART, tmp_path / "none.yaml")
