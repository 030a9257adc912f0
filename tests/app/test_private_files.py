"""T62: secrets that others on the machine can read are refused, and what we write is for us alone."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from app.settings import Settings, WrongSettings, load, open_database
from data.engines import DatabaseUnavailable
from data.migrate import migrate

SECRET = "POLARIS_DATABASE_URL=postgresql://polaris:hunter2-hunter2@db/polaris\n"
MAIL = "POLARIS_SMTP_URL=smtp://polaris:hunter2-hunter2@mail.example.org\nPOLARIS_MAIL_FROM=p@example.org\n"
TOKEN = "POLARIS_MACHINES_TOKEN=hunter2-hunter2-hunter2\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith("POLARIS_")]:
        monkeypatch.delenv(name)


def mode(path: Path) -> int:
    """Who may do what."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("allowed", [0o644, 0o640, 0o604, 0o602])
@pytest.mark.parametrize("text", [SECRET, MAIL, TOKEN])
def test_a_file_of_secrets_that_others_may_open_is_refused(allowed: int, text: str) -> None:
    """T62: with the setting and the remedy, and without the secret."""
    file = Path(".env")
    file.write_text(text)
    file.chmod(allowed)
    name = text.partition("=")[0]
    with pytest.raises(WrongSettings, match=f"{name} holds a (password|secret).*chmod 600 .env") as refused:
        load()
    assert "hunter2" not in str(refused.value)
    file.chmod(0o600)
    assert load().database_url


def test_a_file_without_secrets_may_be_open() -> None:
    """T62: an address without a password is none."""
    Path(".env").write_text("POLARIS_DATABASE_URL=postgresql://db/polaris\nPOLARIS_PORT=8099\n")
    Path(".env").chmod(0o644)
    assert load().port == 8099


@pytest.mark.parametrize("password", ["PASSWORD", "password", "changeme", "secret"])
def test_the_password_of_an_example_is_refused(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """T62: also in the environment, where no file tells."""
    monkeypatch.setenv("POLARIS_DATABASE_URL", f"postgresql://polaris:{password}@db/polaris")
    with pytest.raises(WrongSettings, match="POLARIS_DATABASE_URL: the password is the one of an example"):
        load()
    monkeypatch.setenv("POLARIS_DATABASE_URL", f"postgresql://polaris:{password}-7f3a@db/polaris")
    assert load().database_url


def test_the_database_is_made_for_us_alone(tmp_path: Path) -> None:
    """T62: file, what SQLite puts beside it, and folder, whatever the umask."""
    before = os.umask(0)
    try:
        database = open_database(Settings(database_url="sqlite:///kept/polaris.db", _env_file=None))
        migrate(database)
        files = {path.name: mode(path) for path in (tmp_path / "kept").iterdir()}
        assert "polaris.db-wal" in files
        assert set(files.values()) == {0o600}
        database.close()
    finally:
        os.umask(before)
    assert mode(tmp_path / "kept") == 0o700


def test_a_database_that_is_there_stays_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """T62: whoever opened it to a group had a reason; to everybody, and the log says what to do."""
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o750)
    folder.chmod(0o750)
    for allowed, warned in ((0o640, False), (0o644, True)):
        file = folder / f"{allowed}.db"
        file.touch()
        file.chmod(allowed)
        with caplog.at_level(logging.WARNING, "polaris"):
            open_database(Settings(database_url=f"sqlite:///{file}", _env_file=None)).close()
        assert ("chmod 600" in caplog.text) == warned
        assert (mode(file), mode(folder)) == (allowed, 0o750)


def test_a_file_that_can_t_be_made_is_told_with_the_remedy(tmp_path: Path) -> None:
    """T62: which, why, and what to do."""
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnavailable, match=r"POLARIS_DATABASE_URL=.*can't be made.*name another file"):
        open_database(Settings(database_url=f"sqlite:///{tmp_path}/file/polaris.db", _env_file=None))
