"""`easel check` finds every problem in one go, says what to do, and shows no secret."""

from pathlib import Path

from tests.cli.running import easel

BAD = """
[server]
deadline = -1
[storage]
keep = "maybe"
[redis]
url = "redis://:hunter2@127.0.0.1:9"
[database]
url = "mysql://root:hunter2@db/easel"
[providers.fal]
queue_url = "http://example.org"
[models."qwen-image"]
route = ["nobody", "fal"]
[models."no-such"]
policy = "priority"
"""


def test_all_is_well_without_any_configuration(tmp_path: Path) -> None:
    done = easel("check", env={"EASEL_SERVER__DATA_DIR": str(tmp_path / "data")}, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    for what in ("configuration", "catalog", "database.url", "server.data_dir", "redis.url", "storage.url"):
        assert f"✓   {what}" in done.stdout
    assert "no easel.toml, environment" in done.stdout
    assert "–   providers.fal" in done.stdout
    assert list((tmp_path / "data" / "images").rglob("*.png")) == [], "the probe is removed again"


def test_every_problem_in_one_go(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(BAD)
    (tmp_path / "plain").touch()
    done = easel("check", "-c", file, env={"EASEL_SERVER__DATA_DIR": str(tmp_path / "plain")}, cwd=tmp_path)
    assert done.returncode == 1
    wrong = {line.split()[1] for line in done.stdout.splitlines() if line.split()[:1] == ["✗"]}
    assert wrong == {
        "server.deadline",
        "storage.keep",
        "redis.url",
        "database.url",
        "providers.fal.queue_url",
        "providers.fal",
        "models.qwen-image.route",
        "models.no-such",
        "server.data_dir",
        "storage.url",
    }
    assert "hunter2" not in done.stdout + done.stderr
    assert "FAL_KEY" in done.stdout


def test_a_misspelt_key_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / "easel.toml").write_text("[server]\ndeadlin = 3\n")
    done = easel("check", env={"EASEL_SERVER__DATA_DIR": str(tmp_path / "data")}, cwd=tmp_path)
    assert done.returncode == 1
    line = next(line for line in done.stdout.splitlines() if "server.deadlin" in line)
    assert "is no key of the configuration; docs/configuration.md lists them all" in line


def test_a_file_that_is_not_there_or_no_toml_is_a_problem(tmp_path: Path) -> None:
    missing = easel("check", "-c", tmp_path / "missing.toml", cwd=tmp_path)
    assert missing.returncode == 1
    assert "there is no such file" in missing.stdout
    (tmp_path / "easel.toml").write_text("[server\n")
    broken = easel("check", cwd=tmp_path)
    assert broken.returncode == 1
    assert "✗" in broken.stdout
    assert "Traceback" not in broken.stderr


def test_a_bad_row_of_ones_own_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "easel.toml").write_text(
        '[providers.mine]\nkind = "openai_compatible"\nbase_url = "http://127.0.0.1:9/v1"\n'
        'models = { "m" = "M" }\n[providers.mine.offers."m".params]\nseed = { how = "guessed" }\n'
    )
    done = easel("check", env={"EASEL_SERVER__DATA_DIR": str(tmp_path / "data")}, cwd=tmp_path)
    assert done.returncode == 1
    [line] = [line for line in done.stdout.splitlines() if "✗" in line]
    assert "providers.mine.offers (m).params.seed.how: Input should be" in line
