"""Many items, whatever single ones do."""

import os
import time

import pytest

from avsync.data.engine import Crash, run_all
from avsync.errors import AvsyncError


def square(number):
    time.sleep(0.01 * number)
    return number**2


def dies_at_three(number):
    if number == 3:
        os._exit(1)
    return square(number)


def raises(number):
    raise AvsyncError(f"{number} is wrong")


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_gives_its_result(workers):
    items = {f"item {n}": n for n in range(8)}
    assert dict(run_all(square, items, workers=workers)) == {f"item {n}": n**2 for n in range(8)}


def test_one_that_kills_its_process_is_named_and_costs_the_others_nothing():
    found = dict(run_all(dies_at_three, {str(n): n for n in range(8)}, workers=2))
    crash = found.pop("3")
    assert isinstance(crash, Crash) and "died, twice" in str(crash)
    assert found == {str(n): n**2 for n in range(8) if n != 3}


def test_an_exception_is_raised():
    with pytest.raises(AvsyncError, match="0 is wrong"):
        list(run_all(raises, {"one": 0}, workers=1))


def test_an_unknown_engine_is_refused():
    with pytest.raises(AvsyncError, match="engine=spark is not known; expected one of joblib, ray"):
        list(run_all(square, {"one": 1}, workers=1, engine="spark"))


@pytest.mark.slow
def test_an_exception_comes_from_a_cluster_as_it_was():
    pytest.importorskip("ray")

    def inner(number):  # the cluster's processes do not find this module
        raise AvsyncError(f"{number} is wrong")

    with pytest.raises(AvsyncError) as caught:
        list(run_all(inner, {"one": 0}, workers=1, engine="ray"))
    assert str(caught.value) == "0 is wrong"
