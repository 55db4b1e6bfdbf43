import json

from pipelines.config.choice import Choice


def test_a_choice_comes_back_from_json_as_it_was():
    for value in (4, 0.5, "bfloat16", (), ("balanced",)):
        choice = Choice("a_setting", value, "why")
        read = json.loads(json.dumps(vars(choice)))
        assert Choice.from_json(read) == choice
