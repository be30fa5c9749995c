"""The JSON API keeps its word: whatever is asked, it answers as its OpenAPI document says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from sqlalchemy import Engine

from diag._shop import make_shop
from diag._stored import keep_a_scan
from flask_diag._tokens import new_token

pytestmark = pytest.mark.only("sqlite")
SECRET, TOKEN = new_token("contract", ["read"])
EXAMPLES = 12  # for each operation, of sound and of unsound questions
ASKED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_one_that_the_document_promises(
    filled: Engine, mode: GenerationMode, tmp_path: Path
) -> None:
    """No 5xx, no undocumented status, type or member; what is sound is answered, what is unsound is refused."""
    config = {
        "DIAG_SEARCH_LIMIT": None,
        "DIAG_CHECK_TIMEOUT": 20.0,
        "DIAG_STORE_URL": f"sqlite:///{tmp_path / 'store.sqlite'}",
    }
    shop = make_shop(filled, authorize=None, tokens=[TOKEN.stored], config=config)
    shop.client.delete("/projects/sampleproject")
    keep_a_scan(shop)
    headers = {"Authorization": f"Bearer {SECRET}"}
    schema = schemathesis.openapi.from_wsgi("/diag/api/v1/openapi.json", shop.app, headers=headers)

    asked = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()

        @seed(17751)
        @ASKED
        @given(case=operation.as_strategy(generation_mode=mode))
        def keeps_its_word(case: Any) -> None:
            nonlocal asked
            asked += 1
            answer = case.call_and_validate(headers=headers)
            assert answer.status_code < 500

        keeps_its_word()
    assert asked >= EXAMPLES
    shop.app.extensions["diag"].store.close()
