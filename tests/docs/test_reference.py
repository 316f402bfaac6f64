"""The reference is generated, and true."""

from pathlib import Path

from datasource import settings
from scripts.write_reference import lifecycles, reference

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_reference_is_what_the_program_says_of_itself():
    assert (CHECKOUT / "docs" / "reference.md").read_text() == reference(), "make reference"


def test_the_diagrams_are_those_of_the_tables_that_decide():
    assert (CHECKOUT / "docs" / "lifecycles.md").read_text() == lifecycles(), "make reference"


def test_every_setting_says_what_it_is():
    for variable, _, meaning in settings.table():
        assert len(meaning) > 15 and meaning.endswith("."), variable


def test_every_setting_that_the_reference_lists_is_read(tmp_path):
    values = {"int": "1", "float": "0.5", "bool": "1"}
    for variable, _, _ in settings.table():
        name = variable.removeprefix("MUSTER_").lower()
        kind = str(settings.Settings.__annotations__[name])
        value = next(
            (v for k, v in values.items() if f"[{k}," in kind or f"[{k}]" in kind),
            "debug" if name == "log_level" else "k" * 40,
        )
        env = {variable: value}
        if name.startswith("tls_"):
            env = {"MUSTER_TLS_CERT": "a", "MUSTER_TLS_KEY": "b", variable: value}
        found = getattr(settings.load(env), name)
        assert str(found) == {"1": "True"}.get(value, value) if isinstance(found, bool) else str(found) == value, (
            variable
        )
