"""docker-compose.yml as an attacker would read it: no service has a privilege that it doesn't need."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from buystream.database_grants import GRANTS
from buystream.settings import Settings, read_settings

ROOT = Path(__file__).parents[2]
COMPOSED: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSED["services"]
SECRETS: dict[str, dict[str, str]] = COMPOSED["secrets"]

EXACT_VERSION = re.compile(r"[\w./-]+:v?\d+\.\d+(\.\d+)?([.-][\w.-]+)?(@sha256:[0-9a-f]{64})?")


def mounted(service: str) -> dict[str, str]:
    """The secrets of the service: the name of each file under /run/secrets, and whose secret it is."""
    listed = [each if isinstance(each, dict) else {"source": each} for each in SERVICES[service].get("secrets", [])]
    return {each.get("target", each["source"]): each["source"] for each in listed}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_capability_and_can_gain_none(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_cannot_write_to_its_image(name: str) -> None:
    assert SERVICES[name]["read_only"] is True


@pytest.mark.parametrize("name", SERVICES)
def test_only_the_gateways_port_is_open_to_every_network(name: str) -> None:
    open_to_all = [port for port in SERVICES[name].get("ports", []) if not str(port).startswith("127.0.0.1:")]
    assert open_to_all == (["8000:8000"] if name == "gateway" else [])


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_named_by_its_exact_version(name: str) -> None:
    service = SERVICES[name]
    if "build" not in service:
        assert EXACT_VERSION.fullmatch(service["image"]), service["image"]


def test_the_image_is_built_from_an_exact_version_and_runs_as_nobody_special() -> None:
    text = (ROOT / "Dockerfile").read_text()
    bases = re.findall(r"^FROM (\S+)", text, re.M)
    assert bases
    assert all(EXACT_VERSION.fullmatch(base) for base in bases)
    assert re.search(r"^USER (?!root)\w+", text, re.M)


def test_no_secret_is_in_the_file_or_in_an_environment() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|DATABASE_URL", variable):
                assert variable.endswith("_FILE"), variable
                assert str(value).removeprefix("/run/secrets/") in mounted(name), value


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_mounts_only_the_secrets_that_it_needs(name: str) -> None:
    needed = {
        "postgres": {"postgres-password": "postgres-password"},
        "database": {
            "secret-key": "secret-key",
            "database-passwords": "database-passwords",
            "database-url": "owner-database-url",
        },
        **{role: {"secret-key": "secret-key", "database-url": f"{role}-database-url"} for role in GRANTS},
    }
    assert mounted(name) == needed.get(name, {})


def test_every_secret_is_made_before_once_and_for_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    subprocess.run([ROOT / "deploy" / "secrets.sh", folder], check=True)
    assert folder.stat().st_mode & 0o777 == 0o700
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert {f"./secrets/{name}" for name in made} == {one["file"] for one in SECRETS.values()}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o444}
    again = subprocess.run([ROOT / "deploy" / "secrets.sh", folder], capture_output=True, check=False)
    assert again.returncode != 0
    assert {path.name: path.read_text() for path in folder.iterdir()} == made


def test_the_secrets_that_are_made_are_those_that_a_role_and_the_owner_read(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    subprocess.run([ROOT / "deploy" / "secrets.sh", folder], check=True)

    def settings(service: str) -> Settings:
        named = SERVICES[service]["environment"].items()
        files = {
            source: str(folder / mounted(service)[Path(value).name]) for source, value in named if "FILE" in source
        }
        return read_settings(environment=files)

    owner = settings("database")
    passwords = dict(owner.database_passwords)
    assert (
        owner.database_url
        == f"postgresql://buystream:{(folder / 'postgres-password').read_text().strip()}@postgres/buystream"
    )
    assert passwords.keys() == set(GRANTS)
    for role in GRANTS:
        own = settings(role)
        assert own.database_url == f"postgresql://buystream_{role}:{passwords[role]}@postgres/buystream"
        assert own.secret_key == owner.secret_key


def test_the_database_is_prepared_once_by_its_owner() -> None:
    service = SERVICES["database"]
    assert service["command"] == ["database", "apply", "--roles"]
    assert service["restart"] == "no"
    assert service["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    owner = SERVICES["postgres"]["environment"]["POSTGRES_USER"]
    assert owner == "buystream"  # as deploy/secrets.sh names it
    assert {name for name in SERVICES if "BUYSTREAM_DATABASE_URL_FILE" in SERVICES[name].get("environment", {})} == {
        "database",
        *GRANTS,
    }


@pytest.mark.parametrize("role", GRANTS)
def test_a_role_starts_once_the_database_is_prepared(role: str) -> None:
    assert SERVICES[role]["depends_on"]["database"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("file", ["docker-compose.yml", "README.md"])
def test_who_follows_the_file_makes_the_secrets_first(file: str) -> None:
    text = (ROOT / file).read_text()
    assert 0 < text.index("deploy/secrets.sh") < text.index("docker compose up")
