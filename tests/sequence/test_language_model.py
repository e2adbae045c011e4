import pytest
import torch
from stages.sequence.cells import CELLS, detach
from stages.sequence.language_model import LanguageModel


def model(cell="lstm", **changes):
    torch.manual_seed(0)
    shape = {"n_words": 30, "dimensions": 6, "hidden_size": 5, "layers": 2, "cutoffs": [8, 20]}
    return LanguageModel(cell=cell, dropout=(0.3, 0.3, 0.3), **{**shape, **changes}).eval()


@pytest.mark.parametrize("cutoffs", [[8, 20], [29], [30, 99], []])
@pytest.mark.parametrize("cell", CELLS)
def test_probabilities_sum_to_one_and_give_the_surprisal(cell, cutoffs):
    net = model(cell, cutoffs=cutoffs)
    for weights in net.parameters():
        torch.nn.init.normal_(weights)
    words, following = torch.randint(30, (7, 30)), torch.arange(210) % 30
    features = net(words, None)[0].flatten(0, 1)
    log_p = net.log_probabilities(features)  # (time * batch, words)
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(210))
    expected = -log_p[torch.arange(210), following]
    torch.testing.assert_close(net.surprisal(features, following), expected)


def test_every_weight_has_a_gradient():
    net = model()
    features, _ = net(torch.arange(30).view(10, 3), None)
    net.surprisal(features.flatten(0, 1), torch.arange(30)).sum().backward()
    assert all(weights.grad.abs().sum() > 0 for weights in net.parameters())


def test_state_carries_the_text_so_far():
    net = model()
    words = torch.randint(30, (8, 2))
    whole, _ = net(words, None)
    first, state = net(words[:5], None)
    second, _ = net(words[5:], detach(state))
    torch.testing.assert_close(torch.cat([first, second]), whole)
    assert not torch.allclose(second, net(words[5:], None)[0])


def test_begins_with_the_vectors_and_the_frequencies():
    net = model()
    vectors, counts = torch.randn(30, 6), torch.arange(100, 70, -1)
    net.start_from(vectors, counts)
    torch.testing.assert_close(net.embedding.weight.detach(), vectors)
    p = net.log_probabilities(torch.zeros(1, 6))[0].exp()
    torch.testing.assert_close(p, (counts + 1) / (counts + 1).sum())
    # A vector speaks for its word on both sides.
    features = vectors[25:26] / vectors[25].norm() * 20
    assert net.log_probabilities(features)[0, 20:].argmax() == 5
