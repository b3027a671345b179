"""A template is whole, or refused at load with what to mend."""

import json
from pathlib import Path

import pytest

from errors import TemplateError
from journeys.names import Channel, Language
from journeys.templates import Template, load
from journeys.variables import VariableType

TEXTS = '[texts.en.inbox]\ntitle = "Received"\nbody = "Here it is."\n'
PLAIN = '[plain.en.inbox]\ntitle = "Received"\nbody = "There."\n'


def write(folder: Path, head: str, texts: str = TEXTS) -> Path:
    """A template file."""
    file = folder / "received.toml"
    file.write_text(f'sender = "Sojourn Securities"\n{head}\n{texts}', encoding="utf-8")
    return file


def test_what_is_not_said_is_at_its_default(tmp_path: Path) -> None:
    """Nothing is critical, personalised or filled in unless the file says so."""
    template = load(write(tmp_path, 'class = "service"'))
    assert (template.critical, template.variables, template.plain, template.adviser) == (False, {}, {}, None)


def test_variables_are_named_with_their_types(tmp_path: Path) -> None:
    """`event.amount` in TOML is a table in a table; it is one name."""
    head = 'class = "service"\n[variables]\npoints = "number"\nevent.amount = "money"\nproduct.name = "text"'
    assert load(write(tmp_path, head)).variables == {
        "points": VariableType.NUMBER,
        "event.amount": VariableType.MONEY,
        "product.name": VariableType.TEXT,
    }


def test_the_plain_variant_stands_in_for_the_text(tmp_path: Path) -> None:
    """A template without one has one text for all."""
    one = load(write(tmp_path, 'class = "service"', TEXTS + PLAIN))
    assert one.text(Language.ENGLISH, Channel.INBOX, plain=True)[1].body == "There."
    assert one.text(Language.ENGLISH, Channel.INBOX)[1].body == "Here it is."
    other = load(write(tmp_path, 'class = "service"'))
    assert other.text(Language.ENGLISH, Channel.INBOX, plain=True)[1].body == "Here it is."


def test_who_has_another_language_gets_a_text_and_its_language(tmp_path: Path) -> None:
    """So that dates in it are written in that language."""
    language, text = load(write(tmp_path, 'class = "service"')).text(Language.CHINESE, Channel.INBOX)
    assert (language, text.title) == (Language.ENGLISH, "Received")


ADVISER = '\n[adviser]\nname = "Li Na"\nregistration = "S1234567890123"'
REFUSED = {
    "critical without an approval": ('class = "service"\ncritical = true', TEXTS, "needs an approval"),
    "advice of nobody": ('class = "advice"', TEXTS, r"needs \[adviser\]"),
    "advice of somebody without a number": ('class = "advice"\n[adviser]\nname = "Li Na"', TEXTS, "registration"),
    "a plain text elsewhere": ('class = "service"', TEXTS + PLAIN.replace(".en", ".zh-CN"), "one for each text"),
    "a variable that nothing gives": ('class = "service"\n[variables]\nname = "text"', TEXTS, "a variable is points"),
    "a type that there is not": ('class = "service"\n[variables]\npoints = "integer"', TEXTS, "'number'"),
    "a name of its own": ('class = "service"\nname = "welcome"', TEXTS, "the name of the file is the template's name"),
    "a notice without its words": ('class = "service"', TEXTS.replace("inbox", "wechat"), "wechat. needs template_id"),
    "words of WeChat elsewhere": ('class = "service"', f'{TEXTS}template_id = "T"', "inbox. cannot use template_id"),
    "a word that there is not": ('class = "service"\ncritcal = true', TEXTS, "critcal"),
}


@pytest.mark.parametrize(("head", "texts", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_whole_is_refused(tmp_path: Path, head: str, texts: str, said: str) -> None:
    """The message names the file."""
    with pytest.raises(TemplateError, match=rf"received\.toml does not fit: .*{said}"):
        load(write(tmp_path, head, texts))


def test_critical_with_an_approval_and_advice_of_an_adviser_are_taken(tmp_path: Path) -> None:
    """With what the law asks for they are whole."""
    assert load(write(tmp_path, 'class = "service"\ncritical = true\napproval = "HG-1"')).critical
    assert load(write(tmp_path, f'class = "advice"{ADVISER}')).adviser


def test_a_file_in_another_encoding_is_said_so(tmp_path: Path) -> None:
    """As an editor on a Chinese Windows may save it."""
    file = write(tmp_path, 'class = "service"')
    file.write_bytes('class = "service"\nsender = "旅程证券"\n'.encode("gbk"))
    with pytest.raises(TemplateError, match=r"^template received\.toml is not UTF-8: save it as UTF-8$"):
        load(file)


def test_a_file_with_the_mark_of_utf_8_is_read(tmp_path: Path) -> None:
    """As another editor may save it."""
    file = write(tmp_path, 'class = "service"')
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert load(file).name == "received"


def test_a_text_that_was_sent_is_read_whatever_is_asked_of_new_ones() -> None:
    """A rule that comes later hides no message from its customer."""
    text = {"title": "t", "body": "b"}
    kept = {
        "name": "old",
        "message_class": "advice",
        "sender": "Sojourn Securities",
        "critical": True,
        "variables": {"age": "number"},
        "texts": {"en": {"wechat": text}},
        "plain": {"en": {"inbox": text}},
    }
    assert Template.model_validate_json(json.dumps(kept)).critical
