"""Which authorities are trusted: those of `ca_file`, else of a variable that others know, else the usual ones."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest
from command_line import logentic
from tiny_service import Reply, settings_for
from tls_service import Authority, TlsService

from logentic import errors
from logentic.api.client import Client, Response
from logentic.settings import CERTIFICATE_VARIABLES, load_settings, require_token, trusted_certificates

NAMES = ("ca_file", *CERTIFICATE_VARIABLES)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*CERTIFICATE_VARIABLES, "SSL_CERT_DIR", "LOGENTIC_CA_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def service(authority: Authority) -> Iterator[TlsService]:
    with TlsService(authority, Reply(200, "fine")) as service:
        yield service


def body(answer: Response) -> bytes:
    return answer.body


def name_a_file(name: str, file: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGENTIC_CA_FILE" if name == "ca_file" else name, str(file))


def ask(service: TlsService) -> bytes:
    settings = load_settings(base_url=service.url, api_token="token", retry_seconds=0.1)  # the environment has its say
    return Client(settings).get("/items", {}, "items", body)


def test_an_authority_that_nobody_named_is_not_trusted(service: TlsService) -> None:
    with pytest.raises(errors.Unreachable, match="its certificate is not trusted"):
        ask(service)
    assert service.asked == []


@pytest.mark.parametrize("name", NAMES)
def test_an_authority_is_named_by_a_setting_or_a_variable(
    name: str, service: TlsService, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_a_file(name, authority.file, monkeypatch)
    assert ask(service) == b"fine"


@pytest.mark.parametrize("name", NAMES)
def test_of_several_the_first_counts(
    name: str, service: TlsService, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Authority(tmp_path, "other")
    for later in NAMES[NAMES.index(name) + 1 :]:
        name_a_file(later, other.file, monkeypatch)
    name_a_file(name, authority.file, monkeypatch)
    assert ask(service) == b"fine"
    name_a_file(name, other.file, monkeypatch)
    for later in NAMES[NAMES.index(name) + 1 :]:
        name_a_file(later, authority.file, monkeypatch)
    with pytest.raises(errors.Unreachable, match="not trusted"):
        ask(service)


def test_a_file_in_home_may_be_written_with_a_tilde(
    service: TlsService, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOGENTIC_CA_FILE", f"~/{authority.file.name}")
    assert ask(service) == b"fine"


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "damaged"])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_without_certificates_is_one_line_before_anything_is_sent(
    name: str, kind: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "named.pem"
    contents = {"empty": "", "text": "no certificate", "damaged": authority.file.read_text().replace("M", "N")}
    if kind in contents:
        file.write_text(contents[kind])
    name_a_file(name, file, monkeypatch)
    with pytest.raises(errors.UsageError, match=rf"^{name}: {file}: (No such file|it holds no certificate)") as raised:
        require_token(load_settings(api_token="token"))
    assert raised.value.exit_code == 2
    assert "\n" not in str(raised.value)


def test_the_command_leaves_with_exit_code_2(tmp_path: Path) -> None:
    settings = {"base_url": "https://127.0.0.1:9/v1", "api_token": "token"}
    done = logentic("run", "--db", "x.duckdb", cwd=tmp_path, **settings, ca_file="missing.pem")
    assert done.returncode == 2
    assert done.stderr.startswith("logentic: ca_file: missing.pem: No such file or directory.")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "x.duckdb.state").exists()


def test_without_tls_and_without_a_name_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trusted_certificates(load_settings()) == certifi.where()
    monkeypatch.setenv("SSL_CERT_FILE", "")
    assert trusted_certificates(load_settings()) == certifi.where()
    monkeypatch.setenv("SSL_CERT_FILE", "missing.pem")
    assert trusted_certificates(settings_for("http://127.0.0.1:9/v1")) == certifi.where()


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl names the file")
def test_a_folder_of_certificates_is_trusted_as_other_programs_do(
    service: TlsService, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL finds a certificate in a folder by the hash of its subject."""
    (folder := tmp_path / "certificates").mkdir()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder))
    with pytest.raises(errors.Unreachable, match="not trusted"):
        ask(service)
    command = ["openssl", "x509", "-subject_hash", "-noout", "-in", authority.file]
    name = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    shutil.copy(authority.file, folder / f"{name}.0")
    assert ask(service) == b"fine"
