"""What a caller of the engine waits for: it ends once, in one way, and everybody who asked is told."""

from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor

import numpy as np
import pytest

from service.engine.promise import Promise
from service.errors import RequestExpiredError
from tests.service.conftest import PATIENCE

OUTPUTS = [np.zeros(2)]


def keep(promise: Promise) -> None:
    promise.claim()
    promise.set_result(OUTPUTS)


def fail(promise: Promise) -> None:
    promise.claim()
    promise.set_exception(RequestExpiredError("too late"))


ENDS = {"kept": keep, "failed": fail, "cancelled": Promise.cancel}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_who_waits_is_told_of_the_end(end: Callable[[Promise], object]) -> None:
    promise = Promise()
    told: list[Promise] = []
    promise.add_done_callback(told.append)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(promise.result, PATIENCE) for _ in range(2)]
        assert not promise.done
        end(promise)
        ends = [future.exception(PATIENCE) for future in waiting]
    promise.add_done_callback(told.append)
    assert promise.done
    assert told == [promise, promise]
    assert [type(error) for error in ends] == [type(promise.exception())] * 2


def test_outputs_are_given_to_all_who_ask() -> None:
    promise = Promise()
    keep(promise)
    assert promise.result() is OUTPUTS
    assert promise.result(0) is OUTPUTS
    assert promise.exception() is None


def test_what_failed_raises_its_error() -> None:
    promise = Promise()
    fail(promise)
    with pytest.raises(RequestExpiredError, match="too late"):
        promise.result()


def test_what_is_cancelled_is_nobodys_to_claim() -> None:
    promise = Promise()
    assert promise.cancel()
    assert not promise.claim()
    assert promise.cancel()
    assert promise.cancelled
    with pytest.raises(CancelledError):
        promise.result(0)


def test_what_is_claimed_is_not_cancelled_any_more() -> None:
    promise = Promise()
    assert promise.claim()
    assert not promise.claim()
    assert not promise.cancel()
    promise.set_result(OUTPUTS)
    assert not promise.cancel()
    assert promise.result(0) is OUTPUTS


def test_waiting_ends_when_its_time_is_over() -> None:
    with pytest.raises(TimeoutError, match=r"not computed within 0\.01 s"):
        Promise().result(0.01)


def test_one_that_cannot_bear_to_be_told_does_not_keep_others_from_it(caplog: pytest.LogCaptureFixture) -> None:
    promise = Promise()
    told: list[Promise] = []
    promise.add_done_callback(lambda _: 1 / 0)
    promise.add_done_callback(told.append)
    keep(promise)
    assert told == [promise]
    assert "telling of the end of a request failed" in caplog.text


def test_of_many_who_claim_and_cancel_one_has_it() -> None:
    with ThreadPoolExecutor(4) as pool:
        for _ in range(200):
            promise = Promise()
            claims, cancels = [pool.submit(promise.claim) for _ in range(2)], [pool.submit(promise.cancel) for _ in range(2)]
            claimed = sum(future.result(PATIENCE) for future in claims)
            cancelled = sum(future.result(PATIENCE) for future in cancels)
            assert (claimed, cancelled) in {(1, 0), (0, 2)}
