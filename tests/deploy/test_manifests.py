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


def front_template():
    return (DEPLOY / "nginx" / "front.conf.template").read_text()


def test_end_waits_for_requests_under_way(pod, container):
    # The server itself waits for nothing; the front for no longer than this.
    (longest,) = set(re.findall(r"_read_timeout (\d+)s;", front_template()))
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pause >= int(longest) + 10
    assert pod["terminationGracePeriodSeconds"] > pause
    front = RESOURCES["Deployment", "cells-front"]["spec"]["template"]["spec"]
    assert front["terminationGracePeriodSeconds"] > int(longest) + 10


def test_the_signal_to_end_reaches_the_server(pod, container):
    # The first process of a container ignores it, and so does a script's child.
    assert container["command"] == ["tensorflow_model_server"]
    assert pod["shareProcessNamespace"]
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    found = flags(container)
    assert (found["port"], found["rest_api_port"]) == (ports["grpc"], ports["rest"])


@pytest.mark.parametrize("name", ["cells", "cells-front"])
def test_a_server_that_hangs_is_restarted_without_the_pause(name):
    pod = RESOURCES["Deployment", name]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["livenessProbe"]["terminationGracePeriodSeconds"] <= 10
    if name == "cells":
        assert container["startupProbe"]["terminationGracePeriodSeconds"] <= 10


@pytest.mark.parametrize("name", ["cells", "cells-front"])
def test_nothing_runs_as_root_or_writes_where_it_need_not(name):
    pod = RESOURCES["Deployment", name]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"] and context["runAsNonRoot"]
    assert context["runAsUser"] > 0 and not context["allowPrivilegeEscalation"]
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    writable = {
        mount["mountPath"]
        for mount in container["volumeMounts"]
        if not mount.get("readOnly")
    }
    assert writable <= {"/tmp", "/config", "/etc/nginx/conf.d"}
    assert RESOURCES["PodDisruptionBudget", name]["spec"]["minAvailable"] == 1


def test_images_on_their_way_fit_the_volume_of_the_front():
    front = RESOURCES["Deployment", "cells-front"]["spec"]["template"]["spec"]
    (volume,) = (v for v in front["volumes"] if v["name"] == "tmp")
    most = int(re.findall(r"limit_conn predictions (\d+);", front_template())[0])
    gibibytes = int(volume["emptyDir"]["sizeLimit"].removesuffix("Gi"))
    for name in ("client_max_body_size", "proxy_max_temp_file_size"):
        assert f"{name} 512m;" in front_template()
    assert gibibytes * 1024 >= most * 2 * 512


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


def test_the_front_leads_to_the_services_ports(container):
    front = front_template()
    upstreams = set(re.findall(r"server \$\{SERVING_HOST\}:(\d+) resolve;", front))
    service = RESOURCES["Service", "cells"]["spec"]
    assert upstreams == {str(port["port"]) for port in service["ports"]}
    # Its name leads to the pods themselves, whose ports are not translated.
    assert service["clusterIP"] == "None"
    assert upstreams == {str(port["containerPort"]) for port in container["ports"]}
    listening = set(re.findall(r"listen (\d+) ssl;", front))
    (nginx,) = RESOURCES["Deployment", "cells-front"]["spec"]["template"]["spec"][
        "containers"
    ]
    assert listening == {str(port["containerPort"]) for port in nginx["ports"]}
    names = {variable["name"]: variable for variable in nginx["env"]}
    assert names["SERVING_HOST"]["value"].startswith("cells.$(NAMESPACE).svc.")
    # Filled in from top to bottom.
    assert list(names).index("NAMESPACE") < list(names).index("SERVING_HOST")
    pattern = names["NGINX_ENVSUBST_FILTER"]["value"]
    assert all(re.fullmatch(pattern, n) for n in re.findall(r"\$\{(\w+)\}", front))


def test_probes_find_a_free_thread_while_all_fronts_are_busy(container):
    rest, grpc = map(
        int, re.findall(r"limit_conn predictions (\d+);", front_template())
    )
    # Old ones answer their requests while new ones are there.
    fronts = 2 * RESOURCES["Deployment", "cells-front"]["spec"]["replicas"]
    assert rest * fronts < int(flags(container)["rest_api_num_threads"])
    assert grpc * fronts < int(flags(container)["grpc_max_threads"])


def test_compose_and_kubernetes_serve_the_same(tmp_path):
    told = RESOURCES["ConfigMap", "cells-config"]["data"]["models.config"]
    (tmp_path / "models.config").write_text(told)
    assert read_config_file(tmp_path / "models.config") == read_config_file(
        DEPLOY / "config" / "models.config"
    )
