from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows.halting import halts_visibly, without_heartbeats
from grodt.errors import HaltActive


def test_a_halt_becomes_a_failed_state_named_halted_and_all_else_passes_through() -> None:
    @halts_visibly
    def work(holds: bool) -> int:
        if holds:
            raise HaltActive("halt 3 holds")
        return 7

    assert work(False) == 7
    state = work(True)
    assert not isinstance(state, int)
    assert (state.is_failed(), state.name, state.message) == (True, "Halted", "halt 3 holds")


def test_heartbeats_are_off_inside_and_on_again_after() -> None:
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 30}):
        with without_heartbeats():
            assert PREFECT_FLOWS_HEARTBEAT_FREQUENCY.value() is None
        assert PREFECT_FLOWS_HEARTBEAT_FREQUENCY.value() == 30
