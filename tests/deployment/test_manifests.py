"""The manifests for Compose, Kubernetes and Azure agree with the server: settings, routes, ports, metrics and times."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML has no types
from pydantic import SecretStr
from starlette.routing import Route

from tests.web.web_server import serving
from trunkline.calls.registry import GOODBYE_S
from trunkline.engine.http.api_key import ApiKey
from trunkline.engine.http.models_endpoint import ModelsEndpoint
from trunkline.settings import Settings
from trunkline.store import schema
from trunkline.web import create_app

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
BICEP = (ROOT / "deploy" / "azure" / "infra" / "resources.bicep").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
OBJECTS: list[dict[str, Any]] = [
    document
    for path in sorted(KUBERNETES.glob("*.yaml"))
    if path.name not in ("kustomization.yaml", "prometheus.yaml")
    for document in yaml.safe_load_all(path.read_text())
]
KUBERNETES_SETTINGS = dict(
    line.split("=", 1) for line in (KUBERNETES / "settings.env").read_text().splitlines() if line and line[0] != "#"
)
SECRET: dict[str, str] = yaml.safe_load((KUBERNETES / "secret.example.yaml").read_text())["stringData"]
# Variables of other programs, by manifest.
OTHERS = {
    "compose": {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "SITE"},
    "kubernetes": {"POD_IP"},
    "azure": {
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "AZURE_CLIENT_ID",
        "AZURE_STORAGE_ACCOUNT_NAME",
        "COLLECTOR_CONFIG",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_SERVICE_NAME",
    },
}
TOKEN = SecretStr("a-token-of-this-test")
ALIASES = {str(field.validation_alias): name for name, field in Settings.model_fields.items()}


def object_of(kind: str, name: str) -> dict[str, Any]:
    (found,) = [one for one in OBJECTS if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def pod_of(component: str) -> dict[str, Any]:
    kind = {"server": "Deployment", "engine": "StatefulSet"}[component]
    pod: dict[str, Any] = object_of(kind, component)["spec"]["template"]["spec"]
    return pod


def container_of(component: str) -> dict[str, Any]:
    (container,) = pod_of(component)["containers"]
    return dict(container)


def bicep_env() -> dict[str, str | None]:
    """Return the variables in resources.bicep, and their literal values; None for a secret or an expression."""
    found = re.findall(r"name: '([A-Z][A-Z_]+)'\n\s+(value|secretRef): (.+)", BICEP)
    return {
        name: value.strip("'") if kind == "value" and value[0] == "'" and "${" not in value else None
        for name, kind, value in found
    }


def variables(manifest: str) -> set[str]:
    match manifest:
        case "compose":
            return {name for service in COMPOSE["services"].values() for name in service.get("environment", {})}
        case "kubernetes":
            own = {one["name"] for component in ("server", "engine") for one in container_of(component).get("env", [])}
            return own | set(KUBERNETES_SETTINGS) | set(SECRET)
        case _:
            return set(bicep_env())


# Settings ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("manifest", ["compose", "kubernetes", "azure"])
def test_every_variable_is_a_setting(manifest: str) -> None:
    given = variables(manifest)
    assert len(given) > 8
    assert given - OTHERS[manifest] - set(ALIASES) == set()


def settings_of(given: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    for name in ALIASES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_the_settings_of_kubernetes_are_valid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = settings_of({**KUBERNETES_SETTINGS, **SECRET}, monkeypatch, tmp_path)
    assert settings.token is not None
    assert settings.model_fields_set >= {ALIASES[name] for name in KUBERNETES_SETTINGS}


@pytest.mark.parametrize("service", ["server-1", "server-2", "engine"])
def test_the_settings_of_compose_are_valid(service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment: dict[str, str] = COMPOSE["services"][service]["environment"]
    filled = {
        name: re.sub(r"\$\{(\w+):(?:-(\w+)|\?[^}]+)\}", lambda one: one[2] or "a-secret-of-this-test", value)
        for name, value in environment.items()
    }
    settings = settings_of(filled, monkeypatch, tmp_path)
    assert settings.host == "0.0.0.0"
    assert settings.engine_key is not None


def test_the_literal_settings_of_azure_are_valid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    literal = {name: value for name, value in bicep_env().items() if value is not None and name in ALIASES}
    assert "TRUNKLINE_TRUSTED_PROXIES" in literal
    assert settings_of(literal, monkeypatch, tmp_path).provider == "azure"


def test_two_servers_differ_only_in_their_addresses_for_each_other() -> None:
    servers = [
        {**COMPOSE["services"][name], "environment": dict(COMPOSE["services"][name]["environment"])}
        for name in ("server-1", "server-2")
    ]
    addresses = [server["environment"].pop("TRUNKLINE_CLUSTER_ADDRESS") for server in servers]
    assert addresses == ["http://server-1:3100", "http://server-2:3100"]
    assert servers[0] == servers[1]


def test_the_servers_of_each_manifest_can_form_a_cluster() -> None:
    compose = dict(COMPOSE["services"]["server-1"]["environment"])
    own = {one["name"]: one.get("value") for one in container_of("server")["env"]}
    kubernetes = {
        **SECRET,
        "TRUNKLINE_CLUSTER_ADDRESS": own["TRUNKLINE_CLUSTER_ADDRESS"].replace("$(POD_IP)", "10.0.0.5"),
    }
    for given in (compose, kubernetes):
        assert given["TRUNKLINE_CLUSTER_KEY"]
        values = {name: given[f"TRUNKLINE_{name.upper()}"] for name in ("cluster_address", "database_url")}
        assert Settings.model_validate({**values, "cluster_key": TOKEN}).cluster_problem is None


def test_the_servers_reach_each_other_at_the_port_of_their_addresses() -> None:
    (port,) = [one["containerPort"] for one in container_of("server")["ports"] if one["name"] == "cluster"]
    assert f":{port}" in str(container_of("server")["env"])
    policy = object_of("NetworkPolicy", "server")["spec"]
    labels = object_of("Deployment", "server")["spec"]["selector"]["matchLabels"]
    for peers, rules in (("from", policy["ingress"]), ("to", policy["egress"])):
        (rule,) = [one for one in rules if {"protocol": "TCP", "port": port} in one["ports"]]
        assert rule == {peers: [{"podSelector": {"matchLabels": labels}}], "ports": [{"protocol": "TCP", "port": port}]}


def test_azure_deploys_the_models_that_the_guide_names() -> None:
    guide = (ROOT / "docs" / "azure.md").read_text()
    names = dict(re.findall(r"param (\w+Model) string = '([^']+)'", BICEP))
    assert names["realtimeModel"] == Settings.model_fields["azure_realtime_deployment"].default
    assert f"`{names['transcriptionModel']}`" in guide
    assert "AZURE_OPENAI_DEPLOYMENT" in bicep_env()


# Routes and ports ----------------------------------------------------------------------------------------------------


def server_paths() -> set[str]:
    return {route.path for route in create_app([], Settings(token=TOKEN)).routes if isinstance(route, Route)}


def engine_paths() -> set[str]:
    route = ModelsEndpoint(ApiKey(None), []).root_route()
    assert isinstance(route, Route)
    return {route.path}


def probes(container: Mapping[str, Any]) -> Iterator[tuple[str, int | str]]:
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        yield container[kind]["httpGet"]["path"], container[kind]["httpGet"]["port"]


@pytest.mark.parametrize(("component", "port"), [("server", 3000), ("engine", 3001)])
def test_probes_of_kubernetes_ask_for_routes_at_the_program_s_port(component: str, port: int) -> None:
    container = container_of(component)
    known = server_paths() if component == "server" else engine_paths()
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    assert {path for path, _port in probes(container)} <= known
    assert {ports[name] for _path, name in probes(container)} == {port}


def test_only_a_server_that_takes_calls_is_ready() -> None:
    container = container_of("server")
    assert container["readinessProbe"]["httpGet"]["path"] == "/api/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/api/health"
    readiness, liveness = re.findall(r"type: '(?:Readiness|Liveness)'\n\s+httpGet: \{\n\s+path: '([^']+)'", BICEP)[::-1]
    assert (readiness, liveness) == ("/api/ready", "/api/health")


def test_probes_of_azure_ask_for_routes_at_the_ingress_s_port() -> None:
    probed = re.findall(r"path: '([^']+)'\n\s+port: (\d+)", BICEP)
    assert len(probed) == 3
    assert {path for path, _port in probed} <= server_paths()
    assert {port for _path, port in probed} == set(re.findall(r"targetPort: (\d+)", BICEP)) == {"3000"}


def test_caddy_asks_the_servers_of_compose_if_they_are_ready() -> None:
    caddyfile = (ROOT / "deploy" / "compose" / "Caddyfile").read_text()
    upstreams = re.findall(r"[\w-]+:3000", caddyfile)
    assert upstreams == [f"{name}:3000" for name in COMPOSE["services"] if name.startswith("server-")]
    assert re.findall(r"health_uri (\S+)", caddyfile) == ["/api/ready"]


def test_servers_name_each_engine_of_kubernetes() -> None:
    engines = object_of("StatefulSet", "engine")["spec"]
    addresses = [f"http://engine-{number}.{engines['serviceName']}:3001" for number in range(engines["replicas"])]
    assert KUBERNETES_SETTINGS["TRUNKLINE_ENGINE_URL"].split(",") == addresses
    assert object_of("Service", "engine")["spec"]["clusterIP"] == "None"


@pytest.mark.parametrize(("component", "port"), [("server", 3000), ("engine", 3001)])
def test_the_network_policy_opens_the_program_s_ports_alone_over_tcp(component: str, port: int) -> None:
    policy = object_of("NetworkPolicy", component)["spec"]
    rule = policy["ingress"][0]
    others = [one for other in policy["ingress"][1:] for one in other["ports"]]
    assert [one["port"] for one in others if one["protocol"] == "TCP"] == ([3100] if component == "server" else [])
    assert [one["port"] for one in rule["ports"]] == [port]
    assert policy["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == component


def test_the_engine_is_reached_by_the_servers_alone() -> None:
    labels = object_of("Deployment", "server")["spec"]["selector"]["matchLabels"]
    assert object_of("NetworkPolicy", "engine")["spec"]["ingress"][0]["from"] == [
        {"podSelector": {"matchLabels": labels}}
    ]


def test_selectors_match_the_pods_labels() -> None:
    for component, kind in (("server", "Deployment"), ("engine", "StatefulSet")):
        spec = object_of(kind, component)["spec"]
        labels = spec["template"]["metadata"]["labels"]
        assert spec["selector"]["matchLabels"] == labels
        assert object_of("Service", component)["spec"]["selector"] == labels
        assert object_of("PodDisruptionBudget", component)["spec"]["selector"]["matchLabels"] == labels


# Stopping and scaling ------------------------------------------------------------------------------------------------


def test_each_platform_gives_a_server_the_time_to_drain() -> None:
    needed = Settings.model_fields["drain_s"].default + GOODBYE_S
    pause = int(container_of("server")["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod_of("server")["terminationGracePeriodSeconds"] > needed + pause
    assert float(KUBERNETES_SETTINGS["TRUNKLINE_DRAIN_S"]) == Settings.model_fields["drain_s"].default
    assert int(COMPOSE["services"]["server-1"]["stop_grace_period"].rstrip("s")) > needed
    (azure,) = re.findall(r"terminationGracePeriodSeconds: (\d+)", BICEP)
    assert int(azure) > needed


async def test_the_autoscaler_reads_a_metric_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    (metric,) = object_of("HorizontalPodAutoscaler", "server")["spec"]["metrics"]
    name = metric["pods"]["metric"]["name"]
    async with serving(monkeypatch) as caller:
        await caller.http.get("/api/scenarios")
        page = (await caller.http.get("/metrics")).text
    assert f"\n{name} " in page
    (rule,) = yaml.safe_load((KUBERNETES / "prometheus.yaml").read_text())["rules"]["custom"]
    assert rule["seriesQuery"].startswith(f"{name}{{")


def test_the_scale_rule_of_azure_counts_in_a_table_of_the_store() -> None:
    ((column, table, condition),) = re.findall(r"query: 'SELECT (.+?) FROM (\w+) WHERE (\w+) = ", BICEP)
    assert column == "count(*)"
    assert condition in schema.metadata.tables[table].columns


def test_a_server_is_scaled_before_it_is_full() -> None:
    (metric,) = object_of("HorizontalPodAutoscaler", "server")["spec"]["metrics"]
    assert int(metric["pods"]["target"]["averageValue"]) < int(KUBERNETES_SETTINGS["TRUNKLINE_MAX_CALLS"])


# Rights --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("component", ["server", "engine"])
def test_pods_have_no_rights_that_they_do_not_need(component: str) -> None:
    pod, container = pod_of(component), container_of(component)
    (user,) = re.findall(r"^USER (\d+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == int(user)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("service", ["server-1", "server-2", "engine"])
def test_containers_of_compose_cannot_write_to_their_root(service: str) -> None:
    container = COMPOSE["services"][service]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]


def test_no_manifest_has_a_secret() -> None:
    assert {name for name in KUBERNETES_SETTINGS if re.search("TOKEN|KEY|SECRET|PASSWORD|DATABASE", name)} == set()
    secret = [name for name in bicep_env() if re.search("TOKEN|KEY|PASSWORD|DATABASE_URL|CONNECTION_STRING", name)]
    assert len(secret) == 4
    assert all(bicep_env()[name] is None for name in secret)
    parameters = json.loads((ROOT / "deploy" / "azure" / "infra" / "main.parameters.json").read_text())["parameters"]
    assert all(str(one["value"]).startswith("${") for one in parameters.values())
