"""The compose file and nginx's: valid by schema, and closed where they must be."""

import json
import pathlib
import re
from importlib import resources

import jsonschema
import pytest
import yaml

from pipelines.config import SegmentConfig
from pipelines.dev_server.model_config import read_config_file
from pipelines.serving.serving_commands import (
    CONFIG_FILE_SETTINGS,
    MONITORING_FILE,
    SETTINGS,
)

DEPLOY = pathlib.Path(__file__).parents[2] / "deploy"


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def front():
    return (DEPLOY / "nginx" / "front.conf.template").read_text()


def test_compose_file_is_valid(compose):
    schemas = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((schemas / "compose-spec.json").read_text())
    jsonschema.validate(compose, schema)


def test_server_has_the_flags_that_serve_gives_it(compose):
    command = compose["services"]["serving"]["command"]
    assert set(SETTINGS) | set(CONFIG_FILE_SETTINGS) <= set(command)
    assert not any("batching" in word for word in command)


def test_threads_match_the_processors_that_it_may_use(compose):
    serving = compose["services"]["serving"]
    limits = serving["deploy"]["resources"]["limits"]
    assert f"--tensorflow_intra_op_parallelism={limits['cpus']}" in serving["command"]


def test_models_are_read_only(compose):
    volumes = compose["services"]["serving"]["volumes"]
    assert all(volume["read_only"] for volume in volumes)


def test_the_key_of_the_front_is_not_in_the_server(compose):
    sources = [v["source"] for v in compose["services"]["serving"]["volumes"]]
    assert not any((DEPLOY / source / "nginx").exists() for source in sources)


def test_only_the_front_is_reached_from_outside(compose):
    assert "ports" not in compose["services"]["serving"]
    assert compose["services"]["serving"]["networks"] == ["inside"]
    assert compose["networks"]["inside"]["internal"]
    assert compose["services"]["front"]["ports"] == ["8443:8443", "8444:8444"]


def test_configuration_files_are_those_of_the_package():
    monitoring = DEPLOY / "config/monitoring.config"
    assert monitoring.read_text() == MONITORING_FILE.read_text()
    (config,) = read_config_file(DEPLOY / "config/models.config")
    assert (config.name, str(config.base_path)) == ("cells", "/models/cells")


def test_every_way_in_asks_for_the_token(front):
    locations = re.findall(r"location ([^{]+){(.*?)\n  }", front, re.S)
    passing = [body for _, body in locations if "_pass " in body]
    assert len(passing) == 5
    assert all("if ($allowed = 0) { return 401; }" in body for body in passing)
    assert len(re.findall("listen [0-9]+ ssl;", front)) == front.count("server {") == 2


def test_front_leads_to_no_metrics_and_no_reload(front):
    assert "HandleReloadConfigRequest" not in front.replace(
        "# Status only: HandleReloadConfigRequest", ""
    )
    assert "location / { return 404; }" in front
    assert "monitoring" not in front


def test_braces_of_the_front_are_balanced(front):
    text = re.sub(r"#.*|\"[^\"]*\"|\$\{\w+\}", "", front)
    depth = 0
    for brace in re.findall("[{}]", text):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0


def flag(compose, name):
    words = compose["services"]["serving"]["command"]
    (value,) = (w.split("=")[1] for w in words if w.startswith(f"--{name}="))
    return int(value)


def test_probes_find_a_free_thread_while_the_front_is_busy(compose, front):
    rest, grpc = map(int, re.findall(r"limit_conn predictions (\d+);", front))
    assert rest < flag(compose, "rest_api_num_threads")
    assert grpc < flag(compose, "grpc_max_threads")
    # The status that clients try again after.
    assert "limit_conn_status 503;" in front


def test_only_predictions_are_limited(front):
    locations = re.findall(r"location ([^{]+?) {\n(.*?)\n  }", front, re.S)
    limited = {path for path, body in locations if "limit_conn" in body}
    assert limited == {
        "~* ^/v1/models/.*:predict$",
        "= /tensorflow.serving.PredictionService/Predict",
    }


def test_no_request_outlives_the_front(compose, front):
    milliseconds = flag(compose, "rest_api_timeout_in_ms")
    longest = {"proxy_read_timeout": 300, "grpc_read_timeout": 300}
    for name, seconds in longest.items():
        assert f"{name} {seconds}s;" in front
        assert SegmentConfig.timeout <= seconds <= milliseconds / 1000
    grace = compose["services"]["front"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > max(longest.values())


@pytest.mark.parametrize("transport", ["proxy", "grpc"])
def test_a_pod_that_is_gone_is_passed_over_and_a_silent_one_is_not(front, transport):
    def setting(name):
        (value,) = re.findall(rf"^  {transport}_{name} ([^;]+);", front, re.M)
        return value

    assert {"error", "timeout", "non_idempotent"} <= {*setting("next_upstream").split()}
    assert setting("next_upstream_tries") == "2"
    names = ("connect_timeout", "next_upstream_timeout", "read_timeout")
    connect, resend, read = (int(setting(name).removesuffix("s")) for name in names)
    assert connect < resend < read


def test_the_front_leads_to_the_ports_that_there_are(compose, front):
    # Looked up again when the server restarts, for which nginx needs a shared zone.
    upstreams = re.findall(r"server \$\{SERVING_HOST\}:(\d+) resolve;", front)
    assert sorted(upstreams) == sorted(compose["services"]["serving"]["expose"])
    assert front.count("  zone ") == len(upstreams)
    listening = re.findall(r"listen (\d+) ssl;", front)
    published = [p.split(":")[1] for p in compose["services"]["front"]["ports"]]
    assert sorted(listening) == sorted(published)
    # Left to who has IPv6.
    assert re.findall(r"# listen \[::\]:(\d+) ssl;", front) == listening


def test_both_are_closed_in(compose):
    for service in compose["services"].values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert "unprivileged" in compose["services"]["front"]["image"]


def test_the_front_is_filled_in_and_nothing_else(compose, front):
    environment = compose["services"]["front"]["environment"]
    names = set(re.findall(r"\$\{(\w+)\}", front))
    # The image's script makes one of them of the other.
    given = {name.replace("ENTRYPOINT_LOCAL", "LOCAL") for name in environment}
    assert names == given - {"NGINX_ENVSUBST_FILTER"}
    pattern = environment["NGINX_ENVSUBST_FILTER"].replace("$$", "$")
    assert all(re.fullmatch(pattern, name) for name in names)
