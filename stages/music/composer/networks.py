"""The networks of the composer: a generator that writes passages in parts, and a critic."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.music.notes.pianoroll import REST, Grid, Roll

# Up to this number, the networks are told how many bars of the piece are left.
MOST_BARS_LEFT = 3


class Shape(NamedTuple):
    """The sizes that the networks are built from.

    Attributes:
        grid: steps of a passage
        context_bars: bars before a passage that the generator sees
        lowest: lowest MIDI pitch of each part, (parts,)
        highest: highest MIDI pitch of each part, (parts,)
        latent_size: size of the noise of a passage
        hidden_size: width of the networks
    """

    grid: Grid
    context_bars: int
    lowest: tuple[int, ...]
    highest: tuple[int, ...]
    latent_size: int
    hidden_size: int

    @property
    def pitches(self) -> int:
        """Pitches of the part with the widest range."""
        ranges = zip(self.lowest, self.highest, strict=True)
        return max(high - low for low, high in ranges) + 1

    @property
    def choices(self) -> int:
        """Choices of a part at a step: a rest, each pitch that begins, each that is held."""
        return 1 + 2 * self.pitches

    @property
    def rows(self) -> int:
        """What the networks see of a part at a step: a rest, each pitch, whether it begins."""
        return 1 + self.pitches + 1

    @property
    def conditions(self) -> int:
        """Rows of `conditions`."""
        return self.grid.steps_per_bar + MOST_BARS_LEFT + 1 + 1 + 2 * 6


def encode(roll: Roll, shape: Shape) -> Tensor:
    """Return the number of the choice of each part at each step, (passages, parts, steps).

    Pitches beyond the range of their part, which only other music than the training's has, move by
    octaves into it, or to its end.
    """
    low, high = np.array(shape.lowest)[:, None], np.array(shape.highest)[:, None]
    pitches = roll.pitches
    below, above = np.maximum(low - pitches, 0), np.maximum(pitches - high, 0)
    pitches = np.clip(pitches + 12 * -(-below // 12) - 12 * -(-above // 12), low, high)
    begins = pitches - low + 1
    chosen = np.where(roll.onsets, begins, begins + shape.pitches)
    return torch.from_numpy(np.where(roll.pitches == REST, 0, chosen))


def decode(choices: Tensor, shape: Shape) -> Roll:
    """Return the passages of `choices`; a held pitch that differs from the one before begins."""
    chosen = choices.cpu().numpy()
    low = np.array(shape.lowest)[:, None]
    pitches = np.where(chosen == 0, REST, (chosen - 1) % shape.pitches + low)
    changes = np.diff(pitches, prepend=REST, axis=2) != 0
    return Roll(pitches, ((chosen <= shape.pitches) | changes) & (pitches != REST))


def phrase_ends(roll: Roll, steps_per_bar: int) -> np.ndarray:
    """Return for each bar whether a phrase ends in it, (passages, bars).

    That is where the highest part begins a note of at least half a bar: notes have no better sign.
    """
    pitches, onsets = roll.pitches[:, 0], roll.onsets[:, 0]  # (passages, steps)
    held = (pitches != REST) & ~onsets
    long = np.zeros_like(onsets)
    run = np.zeros(len(pitches), dtype=int)  # steps for which the next step's note is held on
    for step in reversed(range(pitches.shape[1])):
        long[:, step] = onsets[:, step] & (2 * (run + 1) >= steps_per_bar)
        run = np.where(held[:, step], run + 1, 0)
    return long.reshape(len(pitches), -1, steps_per_bar).any(axis=2)


def conditions(
    shape: Shape,
    minor: np.ndarray,
    bar: np.ndarray,
    bars_left: np.ndarray,
    closing_steps: np.ndarray,
    ends: np.ndarray,
) -> Tensor:
    """Return what the networks are told of each step, (passages, conditions, steps).

    That is its place in the bar, how many bars of the piece are left and whether its bar is the
    first one; and for each mode, whether the lowest part's last note of the piece has begun, or
    will have in a quarter of a bar, in half a bar and in a bar, whether a phrase ends in the bar,
    and whether the piece is in that mode.

    Args:
        shape: sizes of the networks
        minor: whether the piece is in minor, (passages,)
        bar: number of the passage's first bar in its piece, (passages,)
        bars_left: bars of the piece after the passage, (passages,)
        closing_steps: steps from the last note of the lowest part to the end, (passages,)
        ends: whether a phrase ends in a bar, (passages, bars)
    """
    n, bars = ends.shape
    number = np.arange(bars)
    left = np.minimum(bars_left[:, None] + bars - 1 - number, MOST_BARS_LEFT)  # (passages, bars)
    of_bar = [*(left == count for count in range(MOST_BARS_LEFT + 1)), bar[:, None] + number == 0]
    per_bar = shape.grid.steps_per_bar
    of_step = np.repeat(np.stack(of_bar, axis=1), per_bar, axis=2)
    place = np.tile(np.eye(per_bar), (n, 1, bars))
    steps_left = (bars_left[:, None] + bars) * per_bar - np.arange(bars * per_bar)
    until = steps_left - closing_steps[:, None]  # (passages, steps)
    cadence = np.stack(
        [
            *(until <= per_bar * share for share in (0, 0.25, 0.5, 1)),
            np.repeat(ends, per_bar, axis=1),
            np.ones_like(until, dtype=bool),
        ],
        axis=1,
    )
    # Told apart by mode, because the two have different tonics.
    of_mode = [cadence & ~minor[:, None, None], cadence & minor[:, None, None]]
    return torch.from_numpy(np.concatenate([place, of_step, *of_mode], axis=1).astype(np.float32))


def rows_of_choices(shape: Shape) -> Tensor:
    """Return what the networks see of each choice, (choices, rows)."""
    n = shape.pitches
    rows = torch.zeros(shape.choices, shape.rows)
    rows[0, 0] = 1
    rows[1 : n + 1, 1 : n + 1] = rows[n + 1 :, 1 : n + 1] = torch.eye(n)
    rows[1 : n + 1, n + 1] = 1
    return rows


class Intervals(nn.Module):
    """A learned table of which intervals follow each other between two parts.

    Multilayer perceptrons on pitches hardly learn that two parts keep a fifth while both move.

    Args:
        shape: sizes of the networks
        part: number of the part to write, from 0
        other: number of the part that is already written
    """

    def __init__(self, shape: Shape, part: int, other: int):
        super().__init__()
        pitch = torch.arange(shape.choices - 1) % shape.pitches
        own, others = pitch + shape.lowest[part], pitch + shape.lowest[other]
        interval = functional.pad(
            (own[:, None] - others) % 12, (1, 0, 1, 0), value=12
        )  # 12: a rest
        motion = functional.pad((others[:, None] - others).sign() % 3, (1, 0, 1, 0))
        self.register_buffer("interval", interval, persistent=False)  # (choices, choices)
        self.register_buffer("motion", motion, persistent=False)  # of the other part
        self.table = nn.Parameter(torch.zeros(13 * 3, 13))

    def forward(self, own_before: Tensor, other_before: Tensor, other_now: Tensor) -> Tensor:
        """Return what to add to the logits, (..., choices), given numbers of choices, (...)."""
        state = 3 * self.interval[own_before, other_before] + self.motion[other_before, other_now]
        return functional.embedding(state, self.table).gather(-1, self.interval.T[other_now])


class Generator(nn.Module):
    """Write passages step by step: the highest part first, then the others below it.

    A recurrent network writes the highest part, the melody. It sees what it wrote at the step
    before and a bar ago. A second one follows the melody, of which it sees the next bar, too, and
    all parts at the step before; at each step it writes the lowest part, then the others from the
    top, each of which sees the parts already written.

    Passages are drawn note by note from the networks' probabilities.
    """

    def __init__(self, shape: Shape, dropout: float):
        super().__init__()
        self.shape = shape
        parts, width, rows = shape.grid.parts, shape.hidden_size, shape.rows
        told = shape.conditions + shape.latent_size
        self.dropout = nn.Dropout(dropout)
        self.melody = nn.GRU(3 * rows + told, width)
        self.melody_out = nn.Sequential(
            nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, shape.choices)
        )
        # The lowest part and then the others from the top.
        self.order = [parts - 1, *range(1, parts - 1)][: parts - 1]
        if self.order:
            self.ahead = nn.Linear(shape.grid.steps_per_bar * rows, width // 2)
            self.harmony = nn.GRU((parts + 1) * rows + width // 2 + told, width)
            self.harmony_out = nn.ModuleList(
                nn.Sequential(
                    nn.Linear(width + (parts + 1 + n) * rows, width),
                    nn.LeakyReLU(0.2),
                    nn.Linear(width, shape.choices),
                )
                for n in range(len(self.order))
            )
            self.intervals = nn.ModuleList(
                nn.ModuleList(Intervals(shape, part, other) for other in (0, *self.order[:n]))
                for n, part in enumerate(self.order)
            )
        ranges = torch.tensor(shape.highest) - torch.tensor(shape.lowest) + 1
        beyond = torch.arange(shape.pitches) >= ranges[:, None]  # (parts, pitches)
        beyond = functional.pad(beyond.repeat(1, 2), (1, 0))
        self.register_buffer("beyond", beyond, persistent=False)  # (parts, choices)
        self.register_buffer("rows", rows_of_choices(shape), persistent=False)

    def forward(self, choices: Tensor, told: Tensor, noise: Tensor) -> Tensor:
        """Return the logits of each choice given those before it, (parts, steps, batch, choices).

        Args:
            choices: numbers of choices, (batch, parts, steps)
            told: conditions, (batch, conditions, steps)
            noise: standard normal noise, (batch, latent_size)
        """
        seen = self._seen(choices)
        told = self._told(told, noise)
        span = slice(0, choices.shape[2])
        logits = [self._melody(seen, told, span, None)[0]]
        if self.order:
            hidden, _ = self._harmony(seen, told, span, None)
            by_part = {
                part: self._part(n, hidden, seen, choices, span)
                for n, part in enumerate(self.order)
            }
            logits += [by_part[part] for part in sorted(by_part)]
        return torch.stack(logits)

    @torch.no_grad()
    def draw(
        self,
        told: Tensor,
        noise: Tensor,
        temperature: float,
        random: torch.Generator | None,
        before: Tensor | None = None,
        melody: Tensor | None = None,
    ) -> Tensor:
        """Return numbers of choices, (batch, parts, steps), drawn one after the other.

        Args:
            told: conditions, (batch, conditions, steps)
            noise: standard normal noise, (batch, latent_size)
            temperature: 1 draws by the probabilities, lower values prefer likely notes, 0 takes
                the likeliest
            random: source of the draws
            before: choices of the first steps, (batch, parts, steps before)
            melody: choices of the highest part at all steps, (batch, steps)
        """
        n, _, steps = told.shape
        parts = self.shape.grid.parts
        choices = told.new_zeros((n, parts, steps), dtype=torch.long)
        start = 0 if before is None else before.shape[2]
        if before is not None:
            choices[:, :, :start] = before
        if melody is not None:
            choices[:, 0] = melody
        seen = self._seen(choices)
        told = self._told(told, noise)

        def write(part: int, step: int, logits: Tensor) -> None:
            uniform = torch.rand(logits.shape, generator=random).clamp(1e-6, 1 - 1e-6)
            gumbel = -(-uniform.log()).log()
            choices[:, part, step] = (logits + temperature * gumbel.to(logits.device)).argmax(1)
            seen[self._offset + step, :, part] = self.rows[choices[:, part, step]]

        state, done = None, 0
        for step in range(start, steps if melody is None else start):
            logits, state = self._melody(seen, told, slice(done, step + 1), state)
            write(0, step, logits[-1])
            done = step + 1
        state, done = None, 0
        for step in range(start, steps if self.order else start):
            hidden, state = self._harmony(seen, told, slice(done, step + 1), state)
            now = slice(step, step + 1)
            for number, part in enumerate(self.order):
                write(part, step, self._part(number, hidden[-1:], seen, choices, now)[0])
            done = step + 1
        return choices

    @property
    def _offset(self) -> int:
        """Empty steps before the first, as many as the networks look back: a bar."""
        return self.shape.grid.steps_per_bar

    def _seen(self, choices: Tensor) -> Tensor:
        """Return what is seen of choices, (a bar, steps and a bar, batch, parts, rows)."""
        rows = self.rows[choices.permute(2, 0, 1)]  # (steps, batch, parts, rows)
        return functional.pad(rows, (0, 0, 0, 0, 0, 0, self._offset, self._offset))

    def _told(self, told: Tensor, noise: Tensor) -> Tensor:
        """Return conditions and noise, (steps, batch, conditions + latent_size)."""
        steps = told.permute(2, 0, 1)
        return torch.cat([steps, noise.expand(len(steps), -1, -1)], dim=2)

    def _melody(
        self, seen: Tensor, told: Tensor, span: slice, state: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the logits of the highest part at the steps of `span`, and the state after."""
        own, bar = seen[:, :, 0], self.shape.grid.steps_per_bar
        past = [_shifted(own, span, self._offset - back) for back in (1, bar - 1, bar)]
        hidden, state = self.melody(torch.cat([*past, told[span]], dim=2), state)
        logits = self.melody_out(self.dropout(hidden))
        return logits.masked_fill(self.beyond[0], -1e9), state

    def _harmony(
        self, seen: Tensor, told: Tensor, span: slice, state: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the state of the other parts at the steps of `span`, and the last one."""
        own, bar = seen[:, :, 0], self.shape.grid.steps_per_bar
        before = self.dropout(_shifted(seen, span, self._offset - 1).flatten(2))
        now = _shifted(own, span, self._offset)
        ahead = [_shifted(own, span, self._offset + step) for step in range(1, bar + 1)]
        ahead = functional.leaky_relu(self.ahead(torch.cat(ahead, dim=2)), 0.2)
        hidden, state = self.harmony(torch.cat([before, now, ahead, told[span]], dim=2), state)
        return self.dropout(hidden), state

    def _part(
        self, number: int, hidden: Tensor, seen: Tensor, choices: Tensor, span: slice
    ) -> Tensor:
        """Return the logits of the part `order[number]` at the steps of `span`."""
        part = self.order[number]
        before = _shifted(seen, span, self._offset - 1).flatten(2)
        now = _shifted(seen, span, self._offset)
        others = (0, *self.order[:number])
        written = [now[:, :, other] for other in others]
        logits = self.harmony_out[number](torch.cat([hidden, before, *written], dim=2))
        steps = functional.pad(choices.permute(1, 2, 0), (0, 0, 1, 0))  # (parts, 1 + steps, batch)
        last, this = slice(span.start, span.stop), slice(span.start + 1, span.stop + 1)
        for other, intervals in zip(others, self.intervals[number], strict=True):
            logits = logits + intervals(steps[part, last], steps[other, last], steps[other, this])
        return logits.masked_fill(self.beyond[part], -1e9)


def _shifted(rows: Tensor, span: slice, by: int) -> Tensor:
    """Return the rows of `span`, moved by some steps."""
    return rows[span.start + by : span.stop + by]


class Critic(nn.Module):
    """Map passages and their conditions to scores: the higher, the more real a passage seems.

    It looks at two neighbouring beats, then at the beats of a bar, then at all bars.
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        width, grid = shape.hidden_size, shape.grid
        # Steps that are looked at together: a beat, or a bar without whole beats.
        whole = grid.steps_per_bar % grid.steps_per_beat == 0
        self.beat = grid.steps_per_beat if whole else grid.steps_per_bar
        rows = grid.parts * shape.rows + shape.conditions
        self.of_beats = nn.Linear(2 * self.beat * rows, width)
        self.of_bar = nn.Linear(grid.steps_per_bar // self.beat * width, width)
        self.of_passage = nn.Sequential(
            nn.Linear(grid.bars * width, width), nn.LeakyReLU(0.2), nn.Linear(width, 1)
        )
        self.register_buffer("rows", rows_of_choices(shape), persistent=False)

    def forward(self, drawn: Tensor, told: Tensor) -> Tensor:
        """Return the scores, (batch,).

        Args:
            drawn: choices as zeros and ones, (batch, parts, steps, choices)
            told: conditions, (batch, conditions, steps)
        """
        rows = (drawn @ self.rows).transpose(1, 2).flatten(2)  # (batch, steps, parts * rows)
        steps = torch.cat([rows, told.transpose(1, 2)], dim=2)
        beats = steps.unflatten(1, (-1, self.beat)).flatten(2)  # (batch, beats, beat * all rows)
        pairs = torch.cat([beats, functional.pad(beats[:, 1:], (0, 0, 0, 1))], dim=2)
        inner = functional.leaky_relu(self.of_beats(pairs), 0.2)
        bars = inner.unflatten(1, (self.shape.grid.bars, -1)).flatten(2)
        inner = functional.leaky_relu(self.of_bar(bars), 0.2)
        return self.of_passage(inner.flatten(1)).squeeze(1)
