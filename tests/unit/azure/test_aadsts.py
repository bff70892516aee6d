import pytest

from entrafed.azure.aadsts import explain

DOCUMENTED = [
    *(70021, 70025, 70052, 90002, 501661, 700016, 700024, 700027, 700211, 700212, 700213, 700222, 700223, 700226),
    *(700227, 700236, 700238, 900382, 5002727, 7000215, 7000229, 7002121, 7002131, 7002137, 7002138),
]


@pytest.mark.parametrize("code", DOCUMENTED)
def test_every_documented_code_is_explained_in_one_clause(code: int) -> None:
    meaning = explain(code)
    assert meaning
    assert not meaning.endswith(".")
    assert "\n" not in meaning


@pytest.mark.parametrize("code", [0, -1, 10**30])
def test_an_unknown_code_has_no_explanation(code: int) -> None:
    assert explain(code) is None
