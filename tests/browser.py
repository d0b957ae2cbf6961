# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Headless Chromium, driven by its own chromedriver over W3C WebDriver: as much of it as the tests of pages need."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

START_SECONDS = 20.0
PATIENCE_SECONDS = 10.0
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Space": " ", "Down": "\ue015", "Escape": "\ue00c"}
PAINTED = "return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"


class Browser:
    """One window. Its pages' times are those of the machine."""

    def __init__(self, address: str) -> None:
        """Open it through a chromedriver at this address."""
        self._web = requests.Session()
        self._web.trust_env = False
        self._address = address
        options = {
            "goog:chromeOptions": {"args": list(ARGUMENTS)},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        made = self._send("POST", "/session", {"capabilities": {"alwaysMatch": options}})
        self._address += f"/session/{made['sessionId']}"

    def _send(self, method: str, path: str, data: object = None) -> Any:
        answer = self._web.request(method, self._address + path, json=data, timeout=60)
        value = answer.json()["value"]
        assert answer.ok, f"{method} {path}: {value}"
        return value

    def open(self, page: Path) -> None:
        """Show a page, until it is painted; what the last one has logged is forgotten."""
        self.logged("browser"), self.logged("performance")
        self._send("POST", "/url", {"url": "about:blank"})
        self._send("POST", "/url", {"url": page.as_uri()})
        self.run(PAINTED)  # until then Chrome drops what is typed

    def run(self, script: str, *arguments: object) -> Any:
        """What a script returns, given as the body of a function; a promise is waited for."""
        return self._send("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def until(self, script: str, *arguments: object) -> None:
        """Wait until a script returns true.

        Raises:
            AssertionError: it does not.
        """
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.run(script, *arguments):
            assert time.monotonic() < end, script
            time.sleep(0.02)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other: names of KEYS, or text."""
        text = "".join(KEYS.get(key, key) for key in keys)
        strokes = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self._send("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": strokes}]})

    def click(self, selector: str) -> None:
        """Click on the first element that a CSS selector finds."""
        found = self._send("POST", "/element", {"using": "css selector", "value": selector})
        self._send("POST", f"/element/{next(iter(found.values()))}/click", {})

    def devtools(self, command: str, **parameters: object) -> Any:
        """Send a command of the Chrome DevTools Protocol."""
        return self._send("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def look_like(self, width: int, height: int = 900, *, dark: bool = False, media: str = "") -> None:
        """Take this size in CSS pixels, colour scheme and medium."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.devtools("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as a PNG."""
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def logged(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """What was logged since the last time: "browser" is the console, "performance" are events of DevTools."""
        entries: list[Mapping[str, Any]] = self._send("POST", "/se/log", {"type": kind})
        if kind == "performance":
            return [json.loads(entry["message"])["message"] for entry in entries]
        return entries

    def requested(self) -> list[str]:
        """The addresses that were requested since the page was opened, but for its own."""
        events = [event for event in self.logged("performance") if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in events][1:]

    def close(self) -> None:
        """Close it."""
        self._send("DELETE", "")


@contextmanager
def browser(log: Path) -> Iterator[Browser]:
    """A browser; chromedriver's output goes to `log`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("w") as output:
        driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"], stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait_for(port)
        window = Browser(f"http://127.0.0.1:{port}")
        try:
            yield window
        finally:
            window.close()
    finally:
        os.killpg(driver.pid, signal.SIGTERM)  # with the browser, should that still be there
        driver.wait()


def _wait_for(port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("chromedriver does not answer")
