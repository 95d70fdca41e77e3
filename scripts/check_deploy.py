"""Check the files of a deployment against the rules of the programs that will read them; `make check-deploy` runs it.

It runs in an environment of its own, with the checkers. It needs no daemon, cluster or subscription.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
KUBERNETES = ROOT / "deploy" / "kubernetes"


def check_dockerfile() -> str:
    """Check the Dockerfile with hadolint."""
    return run(str(BIN / "hadolint"), "Dockerfile") or "hadolint has no finding"


def check_compose() -> str:
    """Parse compose.yaml by the Compose specification, after the merge keys of YAML."""
    import yaml  # type: ignore[import-untyped]  # only its own environment has it
    from compose_spec import PyCompose  # type: ignore[import-not-found]  # only its own environment has it

    merged = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    compose = PyCompose.from_json(json.dumps(merged))
    compose.validate()
    return f"the specification accepts the services {', '.join(compose.service_names())}"


def check_kubernetes() -> str:
    """Validate each object by the strict schemas of Kubernetes, and the rendered whole if kubectl is installed."""
    skipped = ("kustomization.yaml", "prometheus.yaml")
    files = sorted(str(path) for path in KUBERNETES.glob("*.yaml") if path.name not in skipped)
    validate = [str(BIN / "kubernetes-validate"), "--strict"]
    count = len(run(*validate, *files).splitlines())
    if shutil.which("kubectl") is None:
        return f"the schemas accept {count} objects; kubectl is missing, so nothing was rendered"
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as rendered:
        rendered.write(run("kubectl", "kustomize", str(KUBERNETES)))
        rendered.flush()
        whole = len(run(*validate, rendered.name).splitlines())
    return f"the schemas accept {count} objects, and {whole} as kubectl renders them"


def check_bicep() -> str:
    """Parse the Bicep files. No compiler knows the properties of Azure's resources here, so they are not checked."""
    from pycep import BicepParser  # type: ignore[import-not-found]  # only its own environment has it

    counts = []
    for path in sorted((ROOT / "deploy" / "azure" / "infra").glob("*.bicep")):
        parsed = BicepParser().parse(text=path.read_text("utf-8"))
        counts.append(f"{len(parsed['resources'])} resources in {path.name}")
    return f"the syntax is right: {', '.join(counts)}"


def run(*command: str) -> str:
    """Run a program in the checkout and return its output.

    Raises:
        SystemExit: it failed.
    """
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


CHECKS: dict[str, Callable[[], str]] = {
    "Dockerfile": check_dockerfile,
    "Compose": check_compose,
    "Kubernetes": check_kubernetes,
    "Bicep": check_bicep,
}

if __name__ == "__main__":
    for name, check in CHECKS.items():
        print(f"{name}: {check()}", flush=True)
