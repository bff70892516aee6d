"""What Helm makes of the chart, as values that tests can ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "entrafed"

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Manifest:
    """One rendered object."""

    body: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.body["kind"])

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def labels(self) -> Mapping[str, str]:
        return dict(self.body["metadata"].get("labels", {}))

    @property
    def annotations(self) -> Mapping[str, str]:
        return dict(self.body["metadata"].get("annotations", {}))


@dataclass(frozen=True, slots=True)
class Rendered:
    """All objects of one rendering, and the notes that Helm prints after an installation."""

    manifests: tuple[Manifest, ...]
    notes: str

    def of(self, kind: str) -> tuple[Manifest, ...]:
        return tuple(m for m in self.manifests if m.kind == kind)

    def one(self, kind: str, name: str) -> Manifest:
        (found,) = (m for m in self.of(kind) if m.name == name)
        return found

    @property
    def pod(self) -> Mapping[str, Any]:
        """The pod spec of the only Deployment."""
        (deployment,) = self.of("Deployment")
        return dict(deployment.body["spec"]["template"]["spec"])

    @property
    def container(self) -> Mapping[str, Any]:
        (container,) = self.pod["containers"]
        return dict(container)


def render_text(values: Values | None = None, *, release: str = "entrafed") -> Mapping[str, str]:
    """Template path to rendered text, as `helm template` prints it. Raises `helm_python.HelmValuesError`."""
    with helm_python.Chart.load(CHART) as chart:
        return chart.render(dict(values or {}), name=release, namespace="entrafed-system")


def render(values: Values | None = None, *, release: str = "entrafed") -> Rendered:
    texts = render_text(values, release=release)
    notes = texts["entrafed/templates/NOTES.txt"]
    documents = (
        document
        for path, text in sorted(texts.items())
        if path.endswith(".yaml")
        for document in yaml.safe_load_all(text)
        if document is not None
    )
    return Rendered(tuple(Manifest(d) for d in documents), notes)
