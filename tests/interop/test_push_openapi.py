"""The control of the push service against its OpenAPI description, by schemathesis."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.control_rig import FakeService
from tests.journal_rig import seen
from txresumable.push import ControlService, ControlSettings, Journal

from .scenarios import folder_for
from .test_push_page import TOKEN, AnyPort

OPENAPI = Path(__file__).resolve().parents[2] / "docs" / "_static" / "push-openapi.json"


class OpenApiTests(TestCase):
    """Requests of all kinds, valid and not."""

    timeout = 300.0

    async def test_responses(self) -> None:
        """Each response is one that is described, whatever is asked for."""
        from twisted.internet import reactor

        if find_spec("schemathesis") is None:
            self.skipTest("schemathesis is not installed")
        folder = folder_for(self)
        journal = await Journal.open(str(folder / "state"), reactor=reactor)
        self.addCleanup(journal.close)
        self.state, self.journal = str(folder), journal
        await journal.observe("scans", [seen(str(n), is_marked=True) for n in range(50)])
        settings = ControlSettings(socket=None, port=1, token=TOKEN)
        service: Any = FakeService(self)  # type: ignore[arg-type]
        control = ControlService(settings, service, reactor=AnyPort(reactor))
        control.startService()
        self.addCleanup(control.stopService)
        description = json.loads(OPENAPI.read_text())
        del description["paths"]["/events"]  # which has no end
        path = folder / "openapi.json"
        path.write_text(json.dumps(description))
        words = [
            *("-m", "schemathesis.cli", "run", str(path)),
            f"--url=http://127.0.0.1:{control.ports[0].getHost().port}",
            f"--header=Authorization: Bearer {TOKEN}",
            "--header=Txresumable-Control: 1",
            *("--max-examples=40", "--seed=1", "--no-color", "--request-timeout=10"),
            # Whatever is not described is refused; but what is, may be wrong for other reasons.
            "--exclude-checks=ignored_auth,positive_data_acceptance,missing_required_header",
        ]
        output, errors, status = await getProcessOutputAndValue(sys.executable, words, path=folder)
        self.assertEqual(status, 0, (output + errors).decode("utf-8", "replace")[-6000:])


class CompletenessTests(SynchronousTestCase):
    """What is described."""

    def test_paths(self) -> None:
        """It is all that there is."""
        from tests.control_rig import ControlTestCase

        case = ControlTestCase()
        case.setUp()
        self.addCleanup(case.tearDown)
        described = {path.split("/")[1] for path in json.loads(OPENAPI.read_text())["paths"]}
        names = {name.decode() for name in case.site.resource.listStaticNames()}
        self.assertEqual(described, {name for name in names if name and "." not in name})
