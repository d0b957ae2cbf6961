# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change: the way of the modules by which people speak, from options to written tags (design, section 6)."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterable
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from .arguments import connect
from .claim import Terms
from .client import Client, DryRunClient
from .tagging import carry_out_changes
from .wishes import Change


def terms() -> Terms:
    """The terms on which a module of this machine claims a cluster."""
    return Terms(f"{socket.gethostname()[:50]}-{uuid.uuid4().hex[:8]}", time.time, time.sleep)


def change(module: AnsibleModule, changes: Callable[[Client], Iterable[Change]], terms: Terms) -> dict[str, Any]:
    """Carry out the C(changes) that follow from reading the cluster, and return what C(module) returns for them; an
    error with one object fails the module, after the others were written. C(terms) are those of a claim."""
    client = connect(module)
    found = changes(client)
    writer = DryRunClient(client) if module.check_mode else client
    result = carry_out_changes(found, writer, module.params["reason"], terms)
    wrong = [line for one, line in zip(result["objects"], result["report"]) if one["error"]]
    if wrong:
        module.fail_json(msg="; ".join(dict.fromkeys(wrong)), **result)
    return result
