"""The CustomResourceDefinitions come with the release, and outlive it."""

import yaml

from chart.rendering import ROOT, render

PLURALS = ("entraconnections", "managedidentityfederations")
NAMES = [f"{plural}.entrafed.io" for plural in PLURALS]


def test_the_release_installs_both_kinds_as_they_are_generated() -> None:
    crds = {crd.name: crd for crd in render().of("CustomResourceDefinition")}
    assert sorted(crds) == NAMES
    for name, crd in crds.items():
        assert crd.body["spec"] == yaml.safe_load((ROOT / "crds" / f"{name}.yaml").read_text())["spec"]


def test_uninstalling_the_release_keeps_the_kinds_and_so_every_object_of_them() -> None:
    for crd in render().of("CustomResourceDefinition"):
        assert crd.annotations["helm.sh/resource-policy"] == "keep"


def test_the_generated_labels_stay() -> None:
    for crd in render().of("CustomResourceDefinition"):
        assert crd.labels["app.kubernetes.io/part-of"] == "entrafed"


def test_whoever_installs_the_kinds_otherwise_switches_them_off() -> None:
    assert render({"crds": {"enabled": False}}).of("CustomResourceDefinition") == ()
