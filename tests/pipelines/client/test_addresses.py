import pytest

from pipelines.client.addresses import Address, parse_addresses


@pytest.mark.parametrize(
    "text, address",
    [
        (
            "http://host:8501/v1/models/my%20net",
            (False, "http://host:8501", "my net", None, None),
        ),
        ("https://a.b/v1/models/x/", (False, "https://a.b", "x", None, None)),
        (
            "http://[::1]:1/v1/models/x/versions/7",
            (False, "http://[::1]:1", "x", 7, None),
        ),
        ("grpc://host:8500/x", (True, "host:8500", "x", None, None)),
        ("grpc://host:8500/x/versions/3", (True, "host:8500", "x", 3, None)),
        ("grpc://host:8500/x/labels/stable", (True, "host:8500", "x", None, "stable")),
    ],
)
def test_address_is_taken_apart(text, address):
    assert parse_addresses(text) == [Address(text.rstrip("/"), *address)]


@pytest.mark.parametrize(
    "text", ["http://h:1/v1/models/my%20net", "grpcs://h:1/x/labels/a", "grpc://h:1/x"]
)
def test_address_of_a_version_names_it(text):
    (address,) = parse_addresses(text)
    of_it = address.of_version(7)
    assert parse_addresses(of_it.text) == [of_it]
    assert (of_it.version, of_it.label, of_it.name) == (7, None, address.name)
    of_none = of_it.of_version(None)
    assert parse_addresses(of_none.text) == [of_none]
    assert (of_none.version, of_none.label, of_none.name) == (None, None, address.name)


def test_several_addresses_are_separated_by_commas():
    found = parse_addresses("grpc://a:1/x, http://b:2/v1/models/x")
    assert [address.base for address in found] == ["a:1", "http://b:2"]


@pytest.mark.parametrize(
    "text",
    [
        "localhost:8501",
        "http://localhost:8501/v1/models/",
        "http://h:1/v1/models/a:predict",
        "grpc://h/toy",
        "grpc://h:1",
        "grpc://h:1/v1/models/toy",
        "http://h:1/v1/models/toy,",
        "http://h:99999/v1/models/toy",
        "http://h:abc/v1/models/toy",
        "grpc://h:99999/toy",
        "grpc://h:0/toy",
        "",
    ],
)
def test_other_text_is_refused(text):
    with pytest.raises(ValueError, match="url must be http://HOST:PORT/v1/models/NAME"):
        parse_addresses(text)
