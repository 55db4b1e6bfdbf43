"""The Kubernetes manifests: valid by their schemas, and they mean what they say."""

import pathlib
import re

import kubernetes_validate
import pytest
import yaml

from pipelines.dev_server.model_config import read_config_file
from pipelines.serving.serving_commands import MONITORING_FILE, SETTINGS

DEPLOY = pathlib.Path(__file__).parents[2] / "deploy"
FILES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
VERSION = "1.34"


def documents(path):
    return list(yaml.safe_load_all(path.read_text()))


RESOURCES = {
    (document["kind"], document["metadata"]["name"]): document
    for path in FILES
    for document in documents(path)
}


@pytest.mark.parametrize("kind, name", RESOURCES)
def test_resource_is_valid(kind, name):
    kubernetes_validate.validate(RESOURCES[kind, name], VERSION, strict=True)


@pytest.fixture
def pod():
    return RESOURCES["Deployment", "cells"]["spec"]["template"]["spec"]


@pytest.fixture
def container(pod):
    (container,) = pod["containers"]
    return container


def flags(container):
    words = (word.removeprefix("--").split("=") for word in container["args"])
    return dict(words)


def test_threads_match_the_processors_that_it_may_use(container):
    resources = container["resources"]
    assert resources["requests"] == resources["limits"]
    found = flags(container)
    assert found["tensorflow_intra_op_parallelism"] == resources["limits"]["cpu"]
    assert f"--grpc_max_threads={found['grpc_max_threads']}" in SETTINGS


def test_probes_ask_what_they_mean(container):
    # An open port means that a version was loaded once.
    assert container["startupProbe"]["httpGet"]["path"] == "/v1/models/cells"
    # Metadata are answered by an available version only; status answers 200 always.
    assert container["readinessProbe"]["httpGet"]["path"].endswith("/cells/metadata")
    # It needs the flag, and does not follow the models.
    assert container["livenessProbe"]["grpc"] == {"port": 8500}
    assert flags(container)["enable_grpc_healthcheck_service"] == "true"


def test_start_waits_for_load_and_warm_up(container):
    probe = container["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 600


def test_end_waits_for_requests_under_way(pod, container):
    # The server itself waits for nothing.
    seconds = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    longest = int(flags(container)["rest_api_timeout_in_ms"]) / 1000
    assert seconds >= longest + 10
    assert pod["terminationGracePeriodSeconds"] > seconds


def test_models_are_read_only_and_nothing_runs_as_root(pod, container):
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    assert mounts["models"]["readOnly"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["runAsNonRoot"]


def test_configuration_is_one_that_the_server_reads(tmp_path):
    data = RESOURCES["ConfigMap", "cells-config"]["data"]
    file = tmp_path / "models.config"
    file.write_text(data["models.config"])
    (config,) = read_config_file(file)
    assert (config.name, str(config.base_path)) == ("cells", "/models/cells")
    assert config.labels == {"stable": 1}
    assert data["monitoring.config"] == MONITORING_FILE.read_text()


def test_only_the_front_and_the_monitoring_reach_the_server():
    policy = RESOURCES["NetworkPolicy", "cells"]["spec"]
    front = RESOURCES["Deployment", "cells-front"]["spec"]["template"]["metadata"]
    first = policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
    assert first.items() <= front["labels"].items()
    assert RESOURCES["Service", "cells"]["spec"].get("type", "ClusterIP") == "ClusterIP"


def test_autoscaler_scales_the_deployment_by_the_processor():
    spec = RESOURCES["HorizontalPodAutoscaler", "cells"]["spec"]
    assert spec["scaleTargetRef"]["name"] == "cells"
    assert spec["metrics"][0]["resource"]["name"] == "cpu"


def test_selectors_find_their_pods():
    for (kind, _), resource in RESOURCES.items():
        if kind == "Deployment":
            labels = resource["spec"]["template"]["metadata"]["labels"]
            selector = resource["spec"]["selector"]["matchLabels"]
            assert selector.items() <= labels.items()
        elif kind == "Service":
            name = resource["spec"]["selector"]["app"]
            pod = RESOURCES["Deployment", name]["spec"]["template"]
            ports = {
                port["name"]
                for container in pod["spec"]["containers"]
                for port in container["ports"]
            }
            assert {port["targetPort"] for port in resource["spec"]["ports"]} <= ports


def test_the_front_leads_to_the_services_ports():
    front = (DEPLOY / "nginx" / "front.conf.template").read_text()
    upstreams = set(re.findall(r"server \$\{SERVING_HOST\}:(\d+);", front))
    service = RESOURCES["Service", "cells"]["spec"]
    assert upstreams == {str(port["port"]) for port in service["ports"]}
    listening = set(re.findall(r"listen (\d+) ssl;", front))
    (container,) = RESOURCES["Deployment", "cells-front"]["spec"]["template"]["spec"][
        "containers"
    ]
    assert listening == {str(port["containerPort"]) for port in container["ports"]}


def test_probes_find_a_free_thread_while_all_fronts_are_busy(container):
    front = (DEPLOY / "nginx" / "front.conf.template").read_text()
    (most,) = re.findall(r"limit_conn rest (\d+);", front)
    fronts = RESOURCES["Deployment", "cells-front"]["spec"]["replicas"]
    (threads,) = (
        word.split("=")[1]
        for word in container["args"]
        if word.startswith("--rest_api_num_threads=")
    )
    assert int(most) * fronts < int(threads)


def test_compose_and_kubernetes_serve_the_same(tmp_path):
    told = RESOURCES["ConfigMap", "cells-config"]["data"]["models.config"]
    (tmp_path / "models.config").write_text(told)
    assert read_config_file(tmp_path / "models.config") == read_config_file(
        DEPLOY / "config" / "models.config"
    )
