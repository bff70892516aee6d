"""What the lab takes from the operator's chart: everything but the workload, so that rights are exactly the chart's."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from .controlplane.errors import LabError

RELEASE = "entrafed"
NAMESPACE = "entrafed-system"
WORKLOADS = frozenset({"Deployment"})  # there is no kubelet: the operator runs as a process of the user


def manifests_of(chart: Path, values: Path | None = None) -> str:
    """The chart's objects without workloads, as YAML; `values` is a file as `helm --values` takes it.

    Raises `LabError` when Helm cannot render it.
    """
    try:
        import helm_python  # noqa: PLC0415 - a development dependency of 40 MB, needed with --chart only
    except ImportError:
        raise LabError("--chart needs the Python package helm-python-sdk: install it, or leave --chart out") from None
    given = {} if values is None else _read(values)
    try:
        with helm_python.Chart.load(chart) as loaded:
            texts = loaded.render(given, name=RELEASE, namespace=NAMESPACE)
    except helm_python.HelmError as error:
        raise LabError(f"the chart in {chart} cannot be rendered", detail=str(error)) from None
    return yaml.safe_dump_all(_objects(text for path, text in sorted(texts.items()) if path.endswith(".yaml")))


def _read(values: Path) -> dict[str, Any]:
    try:
        given = yaml.safe_load(values.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise LabError(f"cannot read the chart's values in {values}", detail=str(error)) from None
    if not isinstance(given, dict):
        raise LabError(f"the chart's values in {values} must be a mapping")
    return given


def _objects(texts: Iterable[str]) -> list[dict[str, Any]]:
    documents = (document for text in texts for document in yaml.safe_load_all(text))
    return [document for document in documents if document and document["kind"] not in WORKLOADS]
