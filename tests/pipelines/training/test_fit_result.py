from pipelines.config.choice import Choice
from pipelines.training.fit_result import FitPlan, FitResult, result_of_finished_run

BEST = {"step": 7, "val_loss": 0.25, "val_mean_iou": 0.5, "val_pixel_error": 0.125}


def test_a_plan_says_that_nothing_was_done():
    text = str(FitPlan((Choice("depth", 4, "it is enough"),)))
    assert "it is enough" in text
    assert text.endswith("Nothing was trained or written.")


def test_a_result_names_what_it_chose_and_where_it_lies():
    text = str(FitResult("runs/a", 9, BEST, 0.4, (), 0.6))
    assert text.startswith("9 steps; best at step 7: validation loss 0.2500")
    assert "threshold 0.4 (of objects 0.6)." in text
    assert "Run: runs/a (" in text
    assert "threshold" not in str(FitResult("runs/a", 9, BEST, None))


def test_a_finished_run_tells_what_it_came_to(run):
    found = result_of_finished_run(run)
    assert found.run_dir == str(run)
    assert found.steps >= found.best["step"] > 0
