import torch

from stages.sequence.recurrent.batching import bucket_by_length, pad, sequence_mask, shuffle


def test_every_sequence_is_in_one_batch_of_similar_lengths():
    lengths = [(7 * i) % 100 + 1 for i in range(100)]
    first = list(bucket_by_length(lengths, 8, 1, 1))
    assert sorted(index for batch in first for index in batch) == list(range(100))
    assert [len(batch) for batch in first].count(8) == 12
    for batch in first:
        own = [lengths[index] for index in batch]
        assert max(own) * 0.9 <= min(own) * 1.1 + 10
    assert list(bucket_by_length(lengths, 8, 1, 1)) == first
    assert list(bucket_by_length(lengths, 8, 1, 2)) != first


def test_padding_follows_the_sequence():
    padded, lengths = pad([torch.tensor([1, 2, 3]), torch.tensor([4])])
    assert padded.T.tolist() == [[1, 2, 3], [4, 0, 0]]
    assert sequence_mask(3, lengths).T.tolist() == [[True, True, True], [True, False, False]]


def test_shuffled_batches_have_every_index_once_and_differ_between_epochs():
    first = list(shuffle(10, 4, 1, 1))
    assert [len(batch) for batch in first] == [4, 4, 2]
    assert sorted(torch.cat(first).tolist()) == list(range(10))
    assert torch.equal(torch.cat(list(shuffle(10, 4, 1, 1))), torch.cat(first))
    assert not torch.equal(torch.cat(list(shuffle(10, 4, 1, 2))), torch.cat(first))
