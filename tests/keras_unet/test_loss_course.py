import numpy as np
import pytest

from keras_unet.loss_course import HIGH_STEPS, LossCourse, StepLosses


def jump_of(losses):
    """Returns the step that tells of a jump, and what it tells; None if none does."""
    course = LossCourse()
    for step, loss in enumerate(losses):
        risen = course.jump(loss)
        if risen is not None:
            return step, risen
    return None


def test_twenty_high_steps_are_a_jump_and_fewer_are_none():
    step, (lowest, mean) = jump_of([0.5] * 5 + [90.0] * 30)
    assert step == 5 + HIGH_STEPS - 1
    # After twenty steps 0.9 ** 20 of the distance is left.
    assert lowest == 0.5 and mean == pytest.approx(90 - 89.5 * 0.9**20)
    assert jump_of([0.5] * 5 + [90.0] * 19 + [0.5] * 40) is None


def test_a_steady_loss_with_one_unusual_tile_is_no_jump():
    assert jump_of([0.7, 0.3, 0.1] + [0.002] * 50 + [0.25] + [0.002] * 50) is None
    assert jump_of([0.002] * 50 + [0.25] + [0.002] * 50) is None


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5])
def test_uneven_losses_are_no_jump(random, share):
    # A net that has learned already: most tiles have a hundredth of others' loss.
    hard = random.random(20_000) < share
    assert jump_of(np.where(hard, 0.2, 0.002) * random.uniform(0.5, 2, 20_000)) is None


def test_a_return_to_the_first_losses_is_no_explosion():
    assert jump_of([0.7, 0.6, 0.5] + [0.01] * 40 + [0.69] * 40) is None


def test_an_explosion_at_the_second_step_is_told():
    assert jump_of([0.9] + [1e3] * 30)[0] == HIGH_STEPS
    # Thereafter every unit is dead.
    step, (lowest, mean) = jump_of([0.9, 9e9] + [0.69] * 12)
    assert step == 1 and lowest == 0.9 and mean == pytest.approx(9e8)


def test_one_step_beyond_any_tile_is_enough():
    assert jump_of([0.7] + [1e-4] * 99 + [9.0] + [1e-4] * 99) is None
    assert jump_of([0.7] + [0.002] * 99 + [7001.0] + [0.002] * 99)[0] == 100


def test_losses_of_0_are_passed_over():
    assert jump_of([0.0] * 9 + [0.7, 0.5] * 20) is None
    step, _ = jump_of([0.0] + [0.7, 0.0] * 9 + [0.0, 90.0] * 30)
    # Each second one, after the 19 before.
    assert step == 19 + 2 * HIGH_STEPS - 1


def test_tiny_losses_rise_from_a_floor():
    # 9 thousandths and the lowest mean.
    assert jump_of([1e-5] * 20 + [5e-3] * 40) is None
    assert jump_of([1e-5] * 20 + [0.02] * 30) is not None


def test_of_signed_losses_the_difference_counts():
    course = np.linspace(-0.1, -0.9, 50).tolist()
    assert jump_of(course + [-0.2, 0.3] * 30) is None
    step, (lowest, mean) = jump_of(course + [40.0] * 30)
    assert step == 50 + HIGH_STEPS - 1 and lowest < -0.7 and mean > 20


def test_means_of_an_epoch_are_turned_into_losses_of_steps(random):
    losses = random.uniform(0, 1, 12)
    steps = StepLosses()
    for epoch in losses.reshape(3, 4):
        means = np.cumsum(epoch) / [1, 2, 3, 4]
        found = [steps.of(batch, mean) for batch, mean in enumerate(means)]
        np.testing.assert_allclose(found, epoch)


def test_several_steps_of_one_call_have_their_mean():
    steps = StepLosses()
    # Losses 1, 2 and then 6, 8.
    assert steps.of(1, 1.5) == 1.5
    assert steps.of(3, 17 / 4) == pytest.approx(7)


def test_epochs_of_one_step_are_each_a_loss():
    steps = StepLosses()
    assert [steps.of(0, loss) for loss in (0.5, 0.25, 2.0)] == [0.5, 0.25, 2.0]
