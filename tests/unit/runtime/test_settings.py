"""Settings come from flags and from the environment, and a bad one is told in one line."""

from pathlib import Path

import pytest

from entrafed.runtime.settings import BadSettings, LogFormat, load_settings


def test_nothing_has_to_be_set() -> None:
    settings = load_settings({})

    assert settings.listen == "0.0.0.0:8080"
    assert settings.allow_endpoints is False
    assert settings.entra_token_file == Path("/var/run/secrets/azure/tokens/azure-identity-token")


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTRAFED_LOG_FORMAT", "console")

    assert load_settings({}).log_format is LogFormat.CONSOLE


def test_a_flag_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTRAFED_RESYNC_SECONDS", "10")

    assert load_settings({"resync_seconds": "20"}).resync_seconds == 20


def test_a_flag_that_was_not_given_leaves_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTRAFED_RESYNC_SECONDS", "10")

    assert load_settings({"resync_seconds": None}).resync_seconds == 10


def test_azures_own_variables_are_not_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", "/elsewhere")

    assert load_settings({}) == load_settings({"entra_token_file": None})
    assert str(load_settings({}).entra_token_file) != "/elsewhere"


@pytest.mark.parametrize("given", ["a-1,b-2", " a-1 , b-2 ,"])
def test_former_clusters_are_separated_by_commas(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTRAFED_FORMER_CLUSTER_IDS", given)

    assert load_settings({}).former_cluster_ids == ("a-1", "b-2")


def test_an_address_of_version_six_stands_in_brackets() -> None:
    listen = load_settings({"listen": "[::1]:9090"}).listen

    assert (listen.host, listen.port) == ("::1", 9090)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listen", "8080"),
        ("listen", ":8080"),
        ("listen", "0.0.0.0:70000"),
        ("log_level", "loud"),
        ("resync_seconds", "0"),
        ("revocation_delay_seconds", "-1"),
        ("azure_limits_share", "0"),
        ("azure_limits_share", "1.01"),
        ("azure_limits_share", "nan"),
        ("time_scale", "fast"),
        ("allow_endpoints", "perhaps"),
    ],
)
def test_a_bad_setting_is_told_in_one_line_with_flag_and_variable(name: str, value: str) -> None:
    with pytest.raises(BadSettings) as caught:
        load_settings({name: value})

    line = str(caught.value)
    assert line.startswith(f"--{name.replace('_', '-')} or ENTRAFED_{name.upper()}: ")
    assert value in line
    assert "\n" not in line
