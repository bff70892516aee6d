from entrafed.domain.credentials import Pair
from entrafed.domain.marks import Mark, cluster_mark, owner_mark, pair_mark, read_mark


def test_marks_never_change() -> None:
    pair = Pair("https://issuer.example/", "job-17")
    name = str(
        Mark(cluster_mark("5f1f5a1e-0000-4000-8000-000000000001"), owner_mark("payments", "web"), pair_mark(pair))
    )
    assert name == "mif-su73uhhh-tsefi6rr42zxxc4w-a5myufa3"


def test_marks_of_flexible_credentials_never_change() -> None:
    pair = Pair("https://issuer.example/", expression="claims['sub'] matches 'job-*'")
    assert pair_mark(pair) == "ddipsjz7"


def test_a_subject_is_not_taken_for_an_expression() -> None:
    text = "claims['sub'] matches 'job-*'"
    subject, expression = Pair("https://i", text), Pair("https://i", expression=text)
    assert subject != expression
    assert pair_mark(subject) != pair_mark(expression)


def test_fields_do_not_run_into_each_other() -> None:
    """Those of aad-pod-identity did, and what belonged to one was taken for another's (#1065)."""
    assert owner_mark("pay", "ments") != owner_mark("paym", "ents")


def test_subjects_that_differ_only_in_case_have_different_marks() -> None:
    assert pair_mark(Pair("https://i", "Repo")) != pair_mark(Pair("https://i", "repo"))


def test_a_mark_is_read_back_even_where_azure_changed_its_case() -> None:
    mark = Mark(cluster_mark("a"), owner_mark("n", "m"), pair_mark(Pair("i", "s")))
    assert read_mark(str(mark).upper()) == mark


def test_a_name_of_somebody_else_is_no_mark() -> None:
    for name in ("", "mif", "mif-web", "mif-abcdefgh-abcdefghijklmnop-abcdefg1", "mif-" + "a" * 100_000, "x\0y"):
        assert read_mark(name) is None
