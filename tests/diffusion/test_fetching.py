"""How much of a model is there, told from the bars that the hub's client draws."""

from workers.diffusion.fetching import telling


def test_the_share_of_the_bytes_is_told_and_nothing_else() -> None:
    told: list[tuple[str, float | None]] = []
    bar = telling("fetching a/b", lambda what, share: told.append((what, share)))
    with bar(desc="Fetching 3 files", total=3) as files, bar(desc="Downloading bytes", total=8, unit="B") as received:
        files.update(3)
        received.update(8)
    assert told == []
    with bar(desc="Reconstructing (incomplete total...)", total=0, unit="B", mininterval=0) as written:
        assert told == [], "of nothing no share is known"
        written.total = 8
        written.update(2)
        written.update(6)
    assert ("fetching a/b", 0.25) in told
    assert told[-1] == ("fetching a/b", 1.0)
