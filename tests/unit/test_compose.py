"""docker-compose.yml as an attacker would read it: no service has a privilege that it doesn't need."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from buystream.database_grants import GRANTS

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

EXACT_VERSION = re.compile(r"[\w./-]+:v?\d+\.\d+(\.\d+)?([.-][\w.-]+)?(@sha256:[0-9a-f]{64})?")


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


def test_no_password_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET", variable):
                assert re.fullmatch(r"((\w+=)?\$\{\w+:\?[^}]*\},?)+", str(value)), variable
            if variable == "BUYSTREAM_DATABASE_URL":
                assert re.fullmatch(r"postgresql://\w+:\$\{\w+:\?[^}]*\}@postgres/buystream", value), value


@pytest.mark.parametrize("role", GRANTS)
def test_a_role_connects_as_a_user_of_its_own_with_a_password_of_its_own(role: str) -> None:
    password = f"{role.upper()}_DATABASE_PASSWORD"
    environment = SERVICES[role]["environment"]
    assert environment["BUYSTREAM_DATABASE_URL"].startswith(f"postgresql://buystream_{role}:${{{password}:?")
    known = {name for value in environment.values() for name in re.findall(r"\$\{(\w*PASSWORD)", value)}
    assert known == {password}
    assert f"{role}=${{{password}:?}}" in SERVICES["database"]["environment"]["BUYSTREAM_DATABASE_PASSWORDS"]
    assert SERVICES[role]["depends_on"]["database"] == {"condition": "service_completed_successfully"}


def test_the_database_is_prepared_once_by_its_owner() -> None:
    service = SERVICES["database"]
    assert service["command"] == ["database", "apply", "--roles"]
    assert service["restart"] == "no"
    assert service["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    owner = SERVICES["postgres"]["environment"]["POSTGRES_USER"]
    assert service["environment"]["BUYSTREAM_DATABASE_URL"].startswith(f"postgresql://{owner}:${{POSTGRES_PASSWORD:?")
    assert {name for name in SERVICES if "BUYSTREAM_DATABASE_URL" in SERVICES[name].get("environment", {})} == {
        "database",
        *GRANTS,
    }


@pytest.mark.parametrize("file", ["docker-compose.yml", "README.md"])
def test_every_secret_that_the_file_asks_for_is_made_before(file: str) -> None:
    asked = set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()))
    (words,) = re.findall(r"for secret in ([^;]+?)\n[# ]*do ", (ROOT / file).read_text())
    said = subprocess.run(["bash", "-c", f"echo {words.replace('#', '')}"], capture_output=True, text=True, check=True)
    assert set(said.stdout.split()) == asked
