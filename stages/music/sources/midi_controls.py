"""Bends and pedals from the controllers of a MIDI file."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from operator import itemgetter

from stages.music.sources.midi_tracks import (
    BEND,
    PARAMETER_HIGH,
    PARAMETER_LOW,
    PEDAL,
    RESET,
    VALUE_HIGH,
    VALUE_LOW,
)
from stages.music.sources.piece import Bend, Pedal

_MIDDLE = 8192  # of a bend, where pitches stay
_DEFAULT_RANGE = (2, 0)  # semitones and cents of the largest bend
_PEDAL_DOWN_FROM = 64


def read_controls(
    controls: Iterable[tuple[int, int, int, int]], seconds: Callable[[int], float]
) -> tuple[list[Bend], list[Pedal]]:
    """Return the bends and the movements of pedals that change something, in order of time.

    The registered parameter 0 sets the range of a channel's bends (MIDI 1.0, "registered parameter
    numbers"). It applies to bends that come after it.

    Args:
        controls: tick, channel, controller and value of controllers, track by track
        seconds: returns the time of a tick
    """
    ranges = defaultdict(lambda: list(_DEFAULT_RANGE))
    parameters = defaultdict(lambda: [127, 127])  # of each channel; 127, 127 is none
    bent: defaultdict[int, float] = defaultdict(float)
    down: defaultdict[int, bool] = defaultdict(bool)
    bends, pedals = [], []

    def bend(tick: int, channel: int, semitones: float) -> None:
        if semitones != bent[channel]:
            bent[channel] = semitones
            bends.append(Bend(channel, seconds(tick), semitones))

    def press(tick: int, channel: int, is_down: bool) -> None:
        if is_down != down[channel]:
            down[channel] = is_down
            pedals.append(Pedal(channel, seconds(tick), is_down))

    for tick, channel, controller, value in sorted(controls, key=itemgetter(0)):
        if controller == BEND:
            semitones, cents = ranges[channel]
            bend(tick, channel, (value - _MIDDLE) / _MIDDLE * (semitones + cents / 100))
        elif controller == PEDAL:
            press(tick, channel, value >= _PEDAL_DOWN_FROM)
        elif controller == RESET:
            bend(tick, channel, 0.0)
            press(tick, channel, False)
        elif controller in (PARAMETER_HIGH, PARAMETER_LOW):
            parameters[channel][controller == PARAMETER_LOW] = value
        elif controller in (VALUE_HIGH, VALUE_LOW) and parameters[channel] == [0, 0]:
            ranges[channel][controller == VALUE_LOW] = value
    return bends, pedals
