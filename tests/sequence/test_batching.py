import torch
from stages.sequence.padding import inside, pad, similar_lengths


def test_batches_hold_every_sequence_once_and_similar_lengths():
    lengths = [(7 * i) % 100 + 1 for i in range(100)]
    first = list(similar_lengths(lengths, 8, 1, 1))
    assert sorted(place for batch in first for place in batch) == list(range(100))
    assert [len(batch) for batch in first].count(8) == 12
    for batch in first:
        own = [lengths[place] for place in batch]
        assert max(own) * 0.9 <= min(own) * 1.1 + 10
    assert list(similar_lengths(lengths, 8, 1, 1)) == first
    assert list(similar_lengths(lengths, 8, 1, 2)) != first


def test_padding_is_behind():
    padded, lengths = pad([torch.tensor([1, 2, 3]), torch.tensor([4])])
    assert padded.T.tolist() == [[1, 2, 3], [4, 0, 0]]
    assert inside(3, lengths).T.tolist() == [[True, True, True], [True, False, False]]
