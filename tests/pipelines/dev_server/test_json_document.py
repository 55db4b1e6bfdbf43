import pytest

from pipelines.dev_server.errors import ServingError
from pipelines.dev_server.json_document import parse_document, quoted


@pytest.mark.parametrize(
    "body, message",
    [
        (b"", "The document is empty"),
        (b"  ", "The document is empty. at offset: 2"),
        (b"{'a': 1}", "Missing a name for object member. at offset: 1"),
        (b'{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        (b'{"a": 1 "b"}', "Missing a comma or } after an object member. at offset: 8"),
        (b'{"a": [1 2]}', "Missing a comma or ] after an array element. at offset: 9"),
        # "n" and "u" are read before "x" shows that it is not null.
        (b'{"a": nux}', "Invalid value. at offset: 8"),
        (b'{"a": nan}', "Invalid value. at offset: 7"),
        (b'{"a": "x}', "Missing a closing quotation mark in string. at offset: 9"),
        (b'{"a": "\\x"}', "Invalid escape character in string. at offset: 7"),
        # Offsets count bytes: the letter has two.
        ('{"ü": x}'.encode(), "Invalid value. at offset: 7"),
        (b'{"a": 1e400}', "Number too big to be stored in double. at offset: 6"),
    ],
)
def test_bad_json_is_told_with_its_place(body, message):
    with pytest.raises(ServingError) as raised:
        parse_document(body)
    assert raised.value.message == f"JSON Parse error: {message}"


def test_lists_without_end_are_refused():
    with pytest.raises(ServingError, match="JSON Parse error"):
        parse_document(b'{"a": ' + b"[" * 200_000)


def test_first_of_equal_keys_counts():
    assert parse_document(b'{"a": 1, "a": 2}') == {"a": 1}


def test_inf_is_a_number_outside_of_strings_only():
    document = parse_document(b'{"a": ["Inf", Inf, -Inf, Infinity], "Inf": 0}')
    infinity = float("inf")
    assert document == {"a": ["Inf", infinity, -infinity, infinity], "Inf": 0}


def test_value_is_quoted_with_lists_on_one_line():
    assert quoted([1, 2.5, True, None, "ü"]) == '[1, 2.5, true, null, "ü"]'
    assert quoted({"a": {"b": [1]}, "c": {}}) == (
        '{\n    "a": {\n        "b": [1]\n    },\n    "c": {}\n}'
    )


def test_long_value_is_cut():
    assert len(quoted([[1.0] * 10_000] * 10_000)) == 256
    assert len(quoted("a" * 10_000)) == 256


@pytest.mark.parametrize("text", [r"\ud800", r"\udc00", r"\\\ud800x", r"\ud800\ud800"])
def test_half_of_a_character_is_a_parse_error(text):
    with pytest.raises(ServingError, match="surrogate pair in string is invalid"):
        parse_document(b'{"a": "%s"}' % text.encode())


def test_both_halves_are_a_character_and_an_escaped_backslash_is_none():
    text = rb'{"a": "\ud83d\ude00", "b": "\\ud800"}'
    assert parse_document(text) == {"a": "\N{GRINNING FACE}", "b": "\\ud800"}


def test_a_string_without_an_end_is_looked_at_once():
    # As many escaped quotes took minutes, and all other requests with them.
    body = b'{"a": Inf, "' + b'\\"' * 500_000
    with pytest.raises(ServingError, match="Missing a closing quotation mark"):
        parse_document(body)
