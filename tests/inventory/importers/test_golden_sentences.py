"""Every sentence of the real exports, read by a person: `golden_sentences.txt` (I4).

A fixed target is ``<target>`` and a named place ``<place>`` there, since they name people and places of others. Other places have the
words of pages: "n8n", or the connector of which it is not known which. After a change of the sentences, run this test, read the
difference, and write the file anew from its message.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from inventory.importers import sentences
from inventory.importers.display import EXPRESSION, MODEL
from inventory.importers.files import read_paths
from inventory.importers.manifest import Privilege, entitlement_code
from inventory.importers.reader import ReadResult
from inventory.imports.resolution import proposed_resource
from tests.inventory.importers.test_real_files import READ

GOLDEN = (Path(__file__).parent / "golden_sentences.txt").read_text(encoding="utf-8").splitlines()

#: Name of the place of privileges on n8n itself.
PLATFORM = "n8n"


def sentence(privilege: Privilege) -> str:
    phrase = sentences.phrase_of(privilege.connector, entitlement_code(privilege))
    label = privilege.target_name or privilege.target
    fixed = re.sub(f"{re.escape(EXPRESSION)}|{re.escape(MODEL)}", "", label)
    shown = "<target>" if any(map(str.isalnum, fixed)) and label != "{itself}" else label
    resource = proposed_resource((privilege.connector, privilege.instance), privilege)
    is_plain = resource.unresolved or privilege.instance == PLATFORM
    return sentences.sentence_for(phrase.words, phrase.form, resource.name if is_plain else "<place>", shown)


@pytest.mark.full("reads all real exports")
@pytest.mark.rule("I4")
def test_each_sentence_of_the_real_exports_is_in_the_golden_list(real_exports: Path) -> None:
    results = [result for source in READ for result in read_paths([real_exports / "imports" / source])]
    manifests = [result.manifest for result in results if isinstance(result, ReadResult)]
    written = sorted({sentence(privilege) for manifest in manifests for privilege in manifest.privileges})
    assert written == GOLDEN, "\n".join(written)


@pytest.mark.rule("I4")
def test_golden_sentences_are_unique_and_begin_with_a_verb_and_not_with_may() -> None:
    assert sorted(set(GOLDEN)) == GOLDEN
    verbs = {line.split()[0] for line in GOLDEN}
    assert not verbs & {"May", "Uses", "Whatever", "Be"}
    assert all(re.fullmatch(r"[A-Z][a-z]+", verb) for verb in verbs)
    assert not [line for line in GOLDEN if re.search(r"\b(what|whatever|whoever|{\w+})\b", line)]
