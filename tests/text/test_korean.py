import functools

import pyarrow as pa
import pytest
from tiny import SHARED_DATA

from stages.core.errors import StageError
from stages.text.cleaning.clean import Rules, clean
from stages.text.tokens.korean import Tokenizer

OPTIONS = {
    "morphemes": "all",
    "part_of_speech": False,
    "correct_typos": False,
    "correct_spacing": False,
    "lowercase": True,
    "keep_punctuation": True,
    "workers": 2,
}


@pytest.fixture(scope="module")
def tokenize(tmp_path_factory):
    """Tokenize texts, each in its own batch, into lists of sentences."""
    folder = tmp_path_factory.mktemp("korean")

    @functools.cache
    def load(words, **changes):
        dictionary = folder / "words.tsv"
        dictionary.write_text(f"# words\n{words}", encoding="utf-8")
        return Tokenizer(dictionary, **{**OPTIONS, **changes})

    def run(*texts, words="", **changes):
        found = []
        for tokens in load(words, **changes)([pa.array([text]) for text in texts]):
            flat = tokens.distinct.take(pa.array(tokens.ids)).to_pylist()
            ends = tokens.sentence_lengths.cumsum().tolist()
            assert tokens.sentences.tolist() == [len(ends)]
            found.append([flat[a:b] for a, b in zip([0, *ends], ends, strict=False)])
        return found

    return run


def test_morphemes_by_sentence(tokenize):
    text = "정말 좋았다. 또 보고 싶다!"
    assert tokenize(text) == [
        [["정말", "좋", "었", "다", "."], ["또", "보", "고", "싶", "다", "!"]]
    ]
    assert tokenize(text, keep_punctuation=False)[0][0] == ["정말", "좋", "었", "다"]
    assert tokenize(text, morphemes="content") == [[["정말", "좋"], ["또", "보"]]]


def test_part_of_speech(tokenize):
    (((*tokens,),),) = tokenize("영화가 재밌다", part_of_speech=True)
    assert tokens == ["영화/NNG", "가/JKS", "재밌/VA", "다/EF"]


@pytest.mark.parametrize("run", ["ㅋㅋㅋㅋ", "ㅠㅠ", "ㅎㅎㅎ", "^^", ":)", "ㅡㅡ", "😀", "-_-"])
@pytest.mark.parametrize("morphemes", ["content", "all"])
def test_jamo_runs_and_emoticons_are_tokens(tokenize, run, morphemes):
    (document,) = tokenize(f"영화 재밌다 {run} 진짜", morphemes=morphemes)
    assert run in [token for sentence in document for token in sentence]


def test_jamo_are_compatible(tokenize):
    (document,) = tokenize("나는 간다")
    assert all(c < "\u1100" or c > "\u11ff" for tokens in document for t in tokens for c in t)


def test_placeholders_stay_whole(tokenize):
    (document,) = tokenize("여기 <url> 봐라 <number> 개", morphemes="content")
    flat = [token for sentence in document for token in sentence]
    assert "<url>" in flat
    assert "<number>" in flat


def test_words_of_the_dictionary_are_known(tokenize):
    assert "꿀잼" not in tokenize("완전 꿀잼이다")[0][0]
    assert "꿀잼" in tokenize("완전 꿀잼이다", words="꿀잼\tNNG\n")[0][0]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp949", "utf-16"])
def test_encodings_of_the_dictionary(tmp_path, encoding):
    path = tmp_path / "words.tsv"
    path.write_bytes("꿀잼보장\tNNG\r\n혼밥러\tNNG\r\n".encode(encoding))
    text = pa.array(["이 영화는 꿀잼보장 이고 혼밥러 추천"])
    (tokens,) = Tokenizer(path, **OPTIONS)([text])
    assert {"꿀잼보장", "혼밥러"} <= set(tokens.distinct.to_pylist())


def test_bad_dictionary_is_reported(tokenize):
    with pytest.raises(StageError, match=r"words\.tsv: a line is not word, tab, tag"):
        tokenize("무엇", words="꿀잼 NNG\n")


def test_typos_and_spacing_can_be_corrected(tokenize):
    assert tokenize("갠찮아요")[0][0][0] == "갠"
    assert tokenize("갠찮아요", correct_typos=True)[0][0] == ["괜찮", "어요"]
    assert tokenize("재미있지않았는데요", correct_spacing=True)[0][0][:3] == ["재미있", "지", "않"]


def test_latin_letters_follow_lowercase(tokenize):
    assert "cgi" in tokenize("CGI 좋다")[0][0]
    assert "CGI" in tokenize("CGI 좋다", lowercase=False)[0][0]


@pytest.mark.skipif(not SHARED_DATA.exists(), reason="needs the data beside the project")
def test_real_reviews(tokenize):
    rules = Rules(markup="none", urls="keep", emails="keep", numbers="keep")
    lines = (SHARED_DATA / "nsmc_sample.tsv").read_text(encoding="utf-8").split("\n")[1:3001]
    texts = [clean(line.split("\t")[1], rules)[0] for line in lines]
    texts = [text for text in texts if text]
    found = tokenize(*texts)
    assert len(found) == len(texts)
    flat = [token for document in found for sentence in document for token in sentence]
    assert len(flat) > 15 * len(texts)
    laughs = [t for t in flat if set(t) == {"ㅋ"}]
    assert len([t for t in laughs if len(t) > 1]) > 100
    assert {"영화", "재밌", "최고", "연기"} <= set(flat)
