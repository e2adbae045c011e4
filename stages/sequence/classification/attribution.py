"""Attribution by occlusion: the words that a decision depends on."""

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from stages.sequence.classification.documents import Documents
from stages.sequence.classification.encoding import UNKNOWN_ID, Split
from stages.sequence.classification.model import DocumentModel, log_odds
from stages.sequence.contracts import ATTRIBUTIONS

# Words of a document that the table quotes.
QUOTED_WORDS = 40


def choose(correct: np.ndarray, n: int, seed: int) -> list[int]:
    """Return the indices of `n` documents drawn at random, half of them classified wrongly.

    Args:
        correct: whether each document is classified correctly, (documents,)
        n: number of documents, of which correct ones replace missing wrong ones
        seed: seed of the draw
    """
    order = np.random.default_rng(seed).permutation(len(correct))
    wrong = order[~correct[order]][: n // 2]
    return [*order[correct[order]][: n - len(wrong)].tolist(), *wrong.tolist()]


def occlude(
    model: DocumentModel, document: Tensor, outputs: Tensor, batch_size: int
) -> tuple[list[int], Tensor]:
    """Return the words of a document and by how much removing each lowers its decision.

    The second is the fall of the log-odds log p / (1 - p) of the predicted class, in nats, when
    every occurrence of the word is removed. Words without a vector share a token id and are left
    out, as is the only word of a document.

    Args:
        model: trained model
        document: token ids, (tokens,)
        outputs: log-odds of the classes for the whole document, (1, classes)
        batch_size: documents in a batch

    Returns:
        Token ids, and falls, (token ids,)
    """
    occluded = {word: document[document != word] for word in document.unique().tolist()}
    occluded = {k: rest for k, rest in occluded.items() if k != UNKNOWN_ID and len(rest)}
    if not occluded:
        return [], torch.zeros(0)
    class_ = int(outputs.argmax())
    after = log_odds(model, list(occluded.values()), batch_size)
    return list(occluded), _one_against_rest(outputs, class_) - _one_against_rest(after, class_)


def _one_against_rest(outputs: Tensor, class_: int) -> Tensor:
    """Return log p / (1 - p) of a class, (documents,)."""
    others = torch.cat([outputs[:, :class_], outputs[:, class_ + 1 :]], 1)
    return outputs[:, class_] - others.logsumexp(1)


def attribute(
    model: DocumentModel,
    documents: Documents,
    split: Split,
    outputs: Tensor,
    n_documents: int,
    n_words: int,
    batch_size: int,
    seed: int,
) -> pa.Table:
    """Return the table `attributions`: the words that decisions depend on most.

    Args:
        model: trained model
        documents: documents to choose from
        split: the same documents, encoded
        outputs: their log-odds of the classes, (documents, classes)
        n_documents: documents to explain
        n_words: words to name of each document
        batch_size: documents in a batch
        seed: seed of the draw of documents
    """
    correct = (outputs.argmax(1) == split.classes).numpy()
    rows = []
    for index in choose(correct, n_documents, seed):
        whole = outputs[index : index + 1]
        class_ = int(whole.argmax())
        words, falls = occlude(model, split.words[index], whole, batch_size)
        ranked = falls.argsort(descending=True, stable=True)[:n_words]
        for rank, i in enumerate(ranked.tolist(), start=1):
            rows.append(
                {
                    "doc_id": documents.doc_ids[index],
                    "excerpt": " ".join(documents.tokens[index][:QUOTED_WORDS]),
                    "label": documents.labels[index],
                    "prediction": model.classes[class_],
                    "probability": whole.softmax(1)[0, class_].item(),
                    "rank": rank,
                    "token": model.words[words[i]],
                    "change": falls[i].item(),
                }
            )
    return pa.Table.from_pylist(rows, ATTRIBUTIONS.schema)
