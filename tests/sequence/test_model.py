import math

import pytest
import torch

from stages.sequence.model import CELLS, LanguageModel, detach


def model(cell, **changes):
    torch.manual_seed(0)
    shape = {"n_words": 30, "dimensions": 6, "hidden_size": 5, "layers": 2, "dropout": 0.3}
    return LanguageModel(cell=cell, cutoffs=[8, 20], **{**shape, **changes}).eval()


@pytest.mark.parametrize("cell", CELLS)
def test_probabilities_sum_to_one_and_give_the_loss(cell):
    net = model(cell)
    words, following = torch.randint(30, (7, 3)), torch.randint(30, (7, 3))
    features, _ = net(words, None)
    log_p = net.softmax.log_prob(features.flatten(0, 1))  # (time * batch, words)
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(21))
    expected = torch.nn.functional.nll_loss(log_p, following.flatten())
    torch.testing.assert_close(net.loss(words, following, None)[0], expected)


@pytest.mark.parametrize("cell", CELLS)
def test_state_carries_the_text_so_far(cell):
    net = model(cell)
    words = torch.randint(30, (8, 2))
    whole, _ = net(words, None)
    first, state = net(words[:5], None)
    second, _ = net(words[5:], detach(state))
    torch.testing.assert_close(torch.cat([first, second]), whole)
    alone, _ = net(words[5:], None)
    assert not torch.allclose(second, alone)


def test_forget_bias_is_one():
    cell = model("lstm").cell
    for layer in range(2):
        bias = getattr(cell, f"bias_ih_l{layer}") + getattr(cell, f"bias_hh_l{layer}")
        torch.testing.assert_close(bias[5:10], torch.ones(5))


def test_start_from_vectors_reaches_input_and_softmax():
    net = model("gru")
    vectors = torch.randn(30, 6)
    net.start_from(vectors)
    torch.testing.assert_close(net.embedding.weight.detach(), vectors)
    torch.testing.assert_close(net.softmax.head.weight[:8].detach(), vectors[:8])
    features = torch.randn(1, 6)
    for (into, out), rows in zip(net.softmax.tail, ((8, 20), (20, 30)), strict=True):
        expected = features @ vectors[slice(*rows)].T
        torch.testing.assert_close(out(into(features)), expected)


def test_small_vocabulary_needs_no_cutoff():
    net = model("lstm", n_words=5)
    loss, _ = net.loss(torch.tensor([[1]]), torch.tensor([[4]]), None)
    assert math.isfinite(loss.item())
