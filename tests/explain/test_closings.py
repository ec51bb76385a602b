"""The pages of closings are what finwait says now."""

from closings import COMMAND, ROOT, files


def test_the_pages_are_fresh() -> None:
    for name, content in files().items():
        path = ROOT / "docs" / name
        assert path.exists(), f"run {COMMAND}"
        assert path.read_text(encoding="utf-8") == content, f"docs/{name} is stale: run {COMMAND}"


def test_no_picture_is_left_over() -> None:
    pictures = {str(p.relative_to(ROOT / "docs")) for p in (ROOT / "docs/pictures").glob("*.svg")}
    assert pictures == {name for name in files() if name.endswith(".svg")}
