from pipelines.images.bounded import BoundedCache


def test_what_was_used_longest_ago_goes_first():
    cache = BoundedCache(30)
    for key in "abc":
        cache.put(key, key.upper(), 10)
    assert cache.get("a") == "A"
    cache.put("d", "D", 10)
    assert [cache.get(key) for key in "abcd"] == ["A", None, "C", "D"]


def test_what_is_larger_than_the_bound_is_not_kept():
    cache = BoundedCache(30)
    cache.put("a", "A", 10)
    cache.put("b", "B", 31)
    assert cache.get("b") is None
    assert cache.get("a") == "A"


def test_a_value_that_is_replaced_is_counted_once():
    cache = BoundedCache(30)
    for _ in range(10):
        cache.put("a", "A", 10)
    cache.put("b", "B", 20)
    assert (cache.get("a"), cache.get("b")) == ("A", "B")
