"""Where files go when the configuration says nothing: into the user's home, never into a folder named `~`."""

from pathlib import Path

from tests.cli.running import fresh_easel


def test_the_default_data_directory_is_below_home(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    done = fresh_easel("check", env={"HOME": str(home)}, cwd=elsewhere)
    assert done.returncode == 0, done.stdout
    assert (home / ".local/share/easel").is_dir()
    assert list(elsewhere.iterdir()) == []
