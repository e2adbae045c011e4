"""Simple methods that a composer has to beat."""

import numpy as np

from stages.music.notes.pianoroll import REST, Roll


def write(training: Roll, n: int, steps: int, steps_per_bar: int, seed: int) -> dict[str, Roll]:
    """Return passages of every method by name."""
    return {
        "markov_parts": markov_parts(training, n, steps, seed),
        "markov_chords": markov_chords(training, n, steps, seed),
        "random": random_notes(training, n, steps, steps_per_bar, seed),
    }


def markov_parts(training: Roll, n: int, steps: int, seed: int) -> Roll:
    """Return passages of a first-order Markov chain for each part, which knows no other part."""
    random = np.random.default_rng(seed)
    choices = _choices(training)
    parts = [_chain(choices[:, part], n, steps, random) for part in range(choices.shape[1])]
    return _roll(np.stack(parts, axis=1))


def markov_chords(training: Roll, n: int, steps: int, seed: int) -> Roll:
    """Return passages of one first-order Markov chain over the chords of all parts."""
    random = np.random.default_rng(seed)
    choices = _choices(training)
    passages, parts, _ = choices.shape
    chords, numbers = np.unique(
        choices.transpose(0, 2, 1).reshape(-1, parts), axis=0, return_inverse=True
    )
    drawn = _chain(numbers.reshape(passages, -1), n, steps, random)
    return _roll(chords[drawn].transpose(0, 2, 1))


def random_notes(training: Roll, n: int, steps: int, steps_per_bar: int, seed: int) -> Roll:
    """Return passages of random notes, as dense as passages of the training.

    Part, onset, length (up to a bar) and pitch (within the range of the part) are uniform. Where
    two notes of a part overlap, the later one cuts off the earlier one.
    """
    random = np.random.default_rng(seed)
    _, parts, training_steps = training.pitches.shape
    sounding = np.where(training.pitches == REST, 128, training.pitches)
    low, high = sounding.min((0, 2)), training.pitches.max((0, 2))  # (parts,)
    pitches = np.zeros((n, parts, steps), dtype=np.int64)
    onsets = np.zeros((n, parts, steps), dtype=bool)
    counts = random.choice(training.onsets.sum((1, 2)), n) * steps // training_steps
    for passage, count in enumerate(counts):
        part = random.integers(0, parts, count)
        start = random.integers(0, steps, count)
        length = random.integers(1, steps_per_bar, count, endpoint=True)
        pitch = random.integers(low[part], high[part], endpoint=True)
        for i in np.lexsort((pitch, start)):
            own = pitches[passage, part[i]], onsets[passage, part[i]]
            own[0][start[i] :], own[1][start[i] :] = REST, False
            own[0][start[i] : start[i] + length[i]] = pitch[i]
            own[1][start[i]] = True
    return Roll(pitches, onsets)


def _choices(roll: Roll) -> np.ndarray:
    """Return pitch and onset of each part and step as one number."""
    return roll.pitches * 2 + roll.onsets


def _roll(choices: np.ndarray) -> Roll:
    return Roll(choices // 2, choices % 2 == 1)


def _chain(states: np.ndarray, n: int, steps: int, random: np.random.Generator) -> np.ndarray:
    """Return sequences of a first-order Markov chain, (n, steps), estimated from others.

    A sequence that reaches a state without a successor starts anew.

    Args:
        states: numbers of states, (sequences, steps)
        n: number of sequences to draw
        steps: length of each
        random: source of the draws
    """
    before, after = states[:, :-1].ravel(), states[:, 1:].ravel()
    order = np.argsort(before, kind="stable")
    before, after = before[order], after[order]
    drawn = np.empty((n, steps), dtype=states.dtype)
    drawn[:, 0] = random.choice(states[:, 0], n)
    for step in range(1, steps):
        first = np.searchsorted(before, drawn[:, step - 1], "left")
        last = np.searchsorted(before, drawn[:, step - 1], "right")
        chosen = first + (random.random(n) * (last - first)).astype(int)
        anew = random.choice(states[:, 0], n)
        drawn[:, step] = np.where(last > first, after[np.minimum(chosen, len(after) - 1)], anew)
    return drawn
